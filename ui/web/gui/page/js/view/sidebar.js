// The list on the left: who and what there is to talk to.
import { html, Component } from '../../shared/html.js';
import { go, toNetwork } from '../keys.js';
import { Face, Name } from './name.js';
import { IconButton, Icon } from './icons.js';
import { shortTime } from './times.js';

export class Sidebar extends Component {
	render({ model }) {
		const all = model.sorted();
		return html`<nav class="sidebar" aria-label="Conversations">
			<div class="bar"><h1>p2pchat</h1>
				<${IconButton} icon="search" label="Search (Ctrl+Shift+F)" onClick=${() => model.open({ kind: 'search' })} />
				<${IconButton} icon="book" label="Contacts" onClick=${() => model.open({ kind: 'contacts' })} />
				<${IconButton} icon="add" label="New conversation" onClick=${() => model.open({ kind: 'join' })} /></div>
			${model.requests.length > 0 && html`<button type="button" class="requests" onClick=${() => model.open({ kind: 'requests' })}>
				<${Icon} name="people" /><span>${model.requests.length === 1 ? 'Somebody unknown wrote' : `${model.requests.length} unknown people wrote`}</span></button>`}
			${model.listed && !all.length && html`<p class="empty">No conversation yet. <button type="button" class="link" onClick=${() => model.open({ kind: 'join' })}>Begin one</button></p>`}
			<ul class="convs">${all.map((c) => html`<${Row} key=${c.ref} model=${model} c=${c} />`)}</ul>
			<${Foot} model=${model} />
		</nav>`;
	}
}

function Row({ model, c }) {
	const urgent = c.unread > 0 && (!c.room || c.mentions > 0);
	const here = !c.room && (c.members.get(c.ref)?.online || model.online.has(c.ref));
	const waits = c.waiting + model.outbox.in(c.ref).length;
	return html`<li><a href="#" class="conv ${c.unread ? 'unread' : ''} ${!c.room || c.ours || c.open ? '' : 'closed'}" aria-current=${c.ref === model.cur && model.view === 'chat' ? 'true' : null}
		onClick=${(ev) => { ev.preventDefault(); go(model, c.ref); }}>
		<${Face} model=${model} peer=${c.room ? null : c.ref} nick=${c.name} room=${c.room ? c.ref : null} online=${here} />
		<span class="what"><span class="top"><span class="title">${c.room ? html`<bdi>${c.ref}</bdi>` : html`<${Name} model=${model} peer=${c.ref} nick=${c.name} />`}</span>
			<span class="when">${c.last > 0 && shortTime(c.last)}</span></span>
			<span class="top"><span class="last"><${Last} model=${model} c=${c} /></span>
			${waits > 0 && html`<span class="waits" title="${waits} not delivered yet"><${Icon} name="clock" /><span class="said">${waits} not delivered yet</span></span>`}
			${c.unread > 0 && html`<span class="count ${urgent ? 'urgent' : ''}">${c.mentions > 0 && html`<span aria-hidden="true">@</span>`}${c.unread >= 1000 ? '999+' : c.unread}<span class="said"> unread${c.mentions ? ', you are named' : ''}</span></span>`}</span></span></a></li>`;
}

// Last is the last thing that was said.
function Last({ model, c }) {
	const l = c.lastText;
	if (c.request) return 'wants to talk to you';
	if (!l) return c.topic || (c.ours || c.open ? 'nothing said yet' : '');
	if (l.kind === 'unknown') return 'something made by a newer version';
	const text = l.kind === 'topic' ? `topic: ${l.text}` : l.text;
	if (!c.room && !l.mine) return html`<bdi>${text}</bdi>`;
	return html`${l.mine ? 'You' : model.names.text(l.author, l.nick)}: <bdi>${text}</bdi>`;
}

// Foot says who one is, and how well the node is connected.
function Foot({ model }) {
	const [level, words] = connection(model);
	return html`<div class="foot">
		<button type="button" class="plain self" onClick=${() => model.open({ kind: 'settings' })} title="Your name and settings">
			${model.self.peer && html`<${Face} model=${model} peer=${model.self.peer} />`}
			<span class="what"><span class="title">${model.self.peer ? html`<bdi>${model.self.name || 'no name yet'}</bdi>` : '…'}</span>
			<span class="last">Settings</span></span></button>
		<button type="button" class="plain state ${level}" onClick=${() => toNetwork(model)} title="How you are connected"><span class="lamp"></span><span>${words}</span></button></div>`;
}

// connection is how well the node is connected: a level, and a few words.
export function connection(model) {
	const s = model.status;
	if (model.link.state !== 'live') return ['bad', 'no node'];
	if (!s) return ['dim', '…'];
	const seeds = s.network?.seeds ?? [];
	const up = seeds.filter((x) => x.connected).length;
	const peers = s.peers === 1 ? '1 person' : `${s.peers} people`;
	const words = seeds.length ? `${up}/${seeds.length} seeds, ${peers}` : s.peers ? peers : 'alone so far';
	if (s.connections === 0) return ['warn', seeds.length ? 'not connected' : words];
	return [seeds.length && !up ? 'warn' : 'good', words];
}
