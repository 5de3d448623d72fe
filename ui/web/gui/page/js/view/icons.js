// Small pictures, drawn in the colour of the text around them.
import { html } from '../../shared/html.js';

const paths = {
	add: 'M12 5v14M5 12h14', search: 'M10.5 17a6.5 6.5 0 1 1 0-13 6.5 6.5 0 0 1 0 13zM15.5 15.5 20 20', back: 'M15 5l-7 7 7 7',
	people: 'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c0-4 3-6 6.5-6s6.5 2 6.5 6M16 4.5a3.5 3.5 0 0 1 0 6.5M18 14.5c2 .8 3.5 2.600 3.500 5.500',
	settings: 'M4 7h10M18 7h2M4 17h2M10 17h10M16 5v4M8 15v4', network: 'M12 8a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5zM5 21a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5zM19 21a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5zM11 8l-5 8M13 8l5 8M7.500 18.500h9',
	invite: 'M4 6h16v12H4zM4 7l8 6 8-6', leave: 'M10 5H5v14h5M14 8l4 4-4 4M18 12H9', reply: 'M9 7l-5 5 5 5M4 12h9c4 0 7 2 7 6', edit: 'M5 19l1-4L16 5l3 3L9 18zM14 7l3 3',
	remove: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13', react: 'M12 20a8 8 0 1 1 0-16 8 8 0 0 1 0 16zM8.500 14c1.500 2.500 5.500 2.500 7 0M9 9.500v.5M15 9.500v.5', info: 'M12 20a8 8 0 1 1 0-16 8 8 0 0 1 0 16zM12 11v5M12 8v.2',
	check: 'M5 12.500l4.500 4.500L19 7', shield: 'M12 3l7 3v5c0 5-3 8-7 10-4-2-7-5-7-10V6zM9 12l2.200 2.200L15.500 10', book: 'M6 4h12v16H6zM9.500 10a2.500 2.500 0 1 0 5 0 2.500 2.500 0 0 0-5 0M8.500 17c.5-2 2-3 3.500-3s3 1 3.500 3',
	down: 'M12 5v14M6 13l6 6 6-6', clock: 'M12 20a8 8 0 1 1 0-16 8 8 0 0 1 0 16zM12 8v4.500l3 2', topic: 'M5 9h14M5 15h14M10 4 8 20M16 4l-2 16', close: 'M6 6l12 12M18 6 6 18', send: 'M4 12l16-7-5 15-3-6z',
	help: 'M12 20a8 8 0 1 1 0-16 8 8 0 0 1 0 16zM9.800 10a2.300 2.300 0 1 1 3.200 2.100c-.8.4-1 .9-1 1.700M12 16.500v.2',
};

export function Icon({ name }) {
	return html`<svg class="icon" viewBox="0 0 24 24" width="20" height="20" aria-hidden="true" focusable="false"><path d=${paths[name]} /></svg>`;
}

// IconButton is a button with a picture, whose name is said and shown as a tip.
export function IconButton({ icon, label, onClick, ...more }) {
	return html`<button type="button" class="plain round" aria-label=${label} title=${label} onClick=${onClick} ...${more}><${Icon} name=${icon} /></button>`;
}
