// preact and htm as one import: html`<p>${text}</p>` makes elements, and text is
// only ever text.
import { h, render, Fragment, Component } from 'preact';
import htm from 'htm';

export const html = htm.bind(h);
export { h, render, Fragment, Component };
export {
	useState, useEffect, useLayoutEffect, useMemo, useRef, useCallback, useReducer, useId,
} from 'preact/hooks';
