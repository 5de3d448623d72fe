// What stands above the messages: where one is, and what can be done there.
import { html } from '../../shared/html.js';
import { go } from '../keys.js';
import { Face, Name } from './name.js';
import { IconButton } from './icons.js';

export function Header({ model, c }) {
	return html`<header class="bar head">
		<span class="narrow-only"><${IconButton} icon="back" label="Back to the list" onClick=${() => go(model, '')} /></span>
		<${Face} model=${model} peer=${c.room ? null : c.ref} nick=${c.name} room=${c.room ? c.ref : null} />
		<div class="where"><h1>${c.room ? html`<span class="hash">#</span><bdi>${c.ref}</bdi>` : html`<button type="button" class="link" onClick=${() => model.open({ kind: 'person', peer: c.ref })}><${Name} model=${model} peer=${c.ref} nick=${c.name} /></button>`}</h1>
			<p class="sub"><${Sub} model=${model} c=${c} /></p></div>
		${c.room && c.ours && html`<${IconButton} icon="topic" label="Set the topic" onClick=${() => model.open({ kind: 'topic', ref: c.ref })} />`}
		<${IconButton} icon="invite" label=${c.room ? 'Invite to this room' : 'Your invite'} onClick=${() => model.open({ kind: 'invite', ref: c.room ? c.ref : '' })} />
		<span class="wide-only"><${IconButton} icon="search" label="Search here" onClick=${() => model.open({ kind: 'search', ref: c.ref })} /></span>
		${c.room && c.ours && html`<${IconButton} icon="people" label="Members" aria-expanded=${model.showMembers ?? matchMedia('(min-width: 1000px)').matches ? 'true' : 'false'} onClick=${() => toggle(model)} />`}
		${c.ours && html`<${IconButton} icon="leave" label=${c.room ? 'Leave the room' : 'Close the conversation'} onClick=${() => model.open({ kind: 'leave', ref: c.ref })} />`}
	</header>`;
}

function toggle(model) {
	const shown = model.showMembers ?? matchMedia('(min-width: 1000px)').matches;
	model.showMembers = !shown;
	model.draw();
}

// Sub is the topic, or else how things are here.
function Sub({ model, c }) {
	const parts = [];
	if (c.room && c.topic) parts.push(html`<bdi title=${c.topic}>${c.topic}</bdi>`);
	if (c.room && c.ours) parts.push(model.others(c) === 0 ? 'nobody else is here' : `${model.others(c) + 1} here`);
	if (!c.room) parts.push(reach(model, c));
	const held = historyWords(c.history);
	if (held) parts.push(held);
	return html`${parts.map((p, i) => html`${i > 0 && html`<span class="between"> · </span>`}<span class=${i === 0 && c.topic ? 'topic' : ''}>${p}</span>`)}`;
}

// reach is how the other of a private conversation is reached.
function reach(model, c) {
	const m = c.members.get(c.ref);
	if (c.ended) return c.ended;
	if (m?.online) return m.path === 'relayed' ? 'connected through a seed' : 'connected';
	if (model.online.has(c.ref)) return 'online';
	return 'not here now';
}

export function historyWords(h) {
	if (!h) return '';
	if (h.missing > 0) return `${h.missing} missing: nobody online has ${h.missing === 1 ? 'it' : 'them'}`;
	if (h.complete) return 'history complete';
	return h.total > 0 ? `history: ${h.fetched} of ${h.total}` : '';
}
