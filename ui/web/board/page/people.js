// The table of who is online: sorted, filtered, a hundred rows at a time.
import { html, useMemo, useState } from './shared/html.js';
import { clock, count, lasting, latency, short } from './shared/format.js';

const page = 100; // rows shown at once

export function People({ people, links, self, chosen, onChoose, onPoint, now, loaded }) {
	const [words, setWords] = useState('');
	const [order, setOrder] = useState({ by: 'since', down: true });
	const [shown, setShown] = useState(page);
	const paths = useMemo(() => pathsFrom(self, links), [self, links]);
	const found = useMemo(() => sorted(filtered(people, words), order, paths), [people, words, order, paths]);
	const sort = by => setOrder(o => ({ by, down: o.by === by ? !o.down : by === 'since' }));
	const there = people.filter(p => p.online).length;
	return html`<section class="panel people" aria-labelledby="people-title">
		<header>
			<h2 id="people-title">Online <span class="dim">${loaded ? count(there) : ''}</span></h2>
			<input type="search" placeholder="Name, ID or room" aria-label="Show only names, IDs or rooms with" value=${words}
				onInput=${e => { setWords(e.currentTarget.value); setShown(page); }} />
		</header>
		<div class="scroll" tabindex="0" role="region" aria-label="List of who is online">
			<table>
				<thead><tr>
					<${Head} name="Name" by="name" order=${order} onSort=${sort} />
					<${Head} name="Latency" by="latency" order=${order} onSort=${sort} />
					<${Head} name="Since" by="since" order=${order} onSort=${sort} />
				</tr></thead>
				<tbody>
					${found.slice(0, shown).map(p => html`<${Row} key=${p.peer} p=${p} self=${p.peer === self} path=${paths.get(p.peer)} chosen=${p.peer === chosen} onChoose=${onChoose} onPoint=${onPoint} now=${now} />`)}
				</tbody>
			</table>
			${found.length === 0 && loaded && html`<p class="empty dim">${words ? 'Nobody here is called that.' : 'Nobody is online yet. Be the first: see “How to join”.'}</p>`}
			${found.length > shown && html`<p class="empty"><button type="button" onClick=${() => setShown(n => n + page)}>Show ${count(Math.min(page, found.length - shown))} more of ${count(found.length - shown)}</button></p>`}
		</div>
		<p class="said" role="status">${words && `${found.length} found`}</p>
	</section>`;
}

function Head({ name, by, order, onSort }) {
	const here = order.by === by;
	return html`<th scope="col" aria-sort=${here ? (order.down ? 'descending' : 'ascending') : 'none'}>
		<button type="button" class="plain sort" onClick=${() => onSort(by)}>${name}<span aria-hidden="true">${here ? (order.down ? ' ↓' : ' ↑') : ''}</span></button>
	</th>`;
}

function Row({ p, self, path, chosen, onChoose, onPoint, now }) {
	const since = new Date(p.since);
	return html`<tr class=${`${chosen ? 'chosen' : ''} ${p.online ? '' : 'gone'}`} onPointerEnter=${() => onPoint(p.peer)} onPointerLeave=${() => onPoint('')}>
		<td>
			<button type="button" class="plain who" aria-pressed=${chosen ? 'true' : 'false'} onClick=${() => onChoose(p.peer)} title=${p.peer}>
				${p.nick ? html`<bdi class="theirs">${p.nick}</bdi>` : html`<i class="dim">no name</i>`}<code class="dim">…${short(p.peer)}</code>
			</button>
			${p.seed && html` <span class="badge">${self ? 'this seed' : 'seed'}</span>`}
			${p.rooms.length > 0 && html`<span class="rooms">${p.rooms.map(r => html`<bdi key=${r} class="theirs">#${r}</bdi>`)}</span>`}
		</td>
		<td class="nowrap">${pathText(path, self)}</td>
		<td class="nowrap"><time datetime=${p.since} title=${since.toLocaleString()}>${p.online ? ago(since, now) : `left at ${clock(since)}`}</time></td>
	</tr>`;
}

export function ago(since, now) {
	const s = (now - since) / 1000;
	return s < 60 ? 'just now' : lasting(s);
}

function pathText(path, self) {
	if (self) return html`<span class="dim">here</span>`;
	if (!path) return html`<span class="dim" title="This seed is not connected with them">–</span>`;
	return html`${latency(path.rtt_ms)}${path.relayed && html` <span class="badge warn">relayed</span>`}`;
}

// pathsFrom is how the node itself is connected with others, the direct way if
// there are two.
function pathsFrom(self, links) {
	const paths = new Map();
	for (const l of links) {
		const peer = l.a === self ? l.b : l.b === self ? l.a : null;
		if (peer && !(paths.has(peer) && l.relayed)) paths.set(peer, l);
	}
	return paths;
}

function filtered(people, words) {
	const all = words.toLowerCase().split(/\s+/).filter(Boolean);
	if (!all.length) return people;
	return people.filter(p => {
		const text = `${p.nick} ${p.peer} ${p.rooms.map(r => `#${r}`).join(' ')}`.toLowerCase();
		return all.every(w => text.includes(w));
	});
}

function sorted(people, { by, down }, paths) {
	const keys = {
		name: p => p.nick.toLowerCase() || '\uffff',
		since: p => p.since,
		latency: p => paths.get(p.peer)?.rtt_ms ?? Infinity,
	};
	const sign = down ? -1 : 1, key = keys[by];
	// Who left comes last whatever the order, and equal ones keep one order.
	return people.map(p => [p, key(p)]).sort(([p, a], [q, b]) => q.online - p.online
		|| (a < b ? -sign : a > b ? sign : 0) || (p.peer < q.peer ? -1 : 1)).map(([p]) => p);
}
