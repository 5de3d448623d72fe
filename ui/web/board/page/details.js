// The map in words: one peer, and all connections.
import { html, useState } from './shared/html.js';
import { count, latency, short } from './shared/format.js';
import { ago } from './people.js';

const most = 12; // connections of one peer that are named
const page = 200; // rows of the table at once

// Person says what the map shows of the chosen peer.
export function Person({ peer, self, who, links, now }) {
	const p = who.get(peer);
	return html`<div id="chosen" class="chosen-peer" role="status">
		${!peer ? html`<p class="dim">Choose somebody on the map or in the list.</p>`
			: !p ? html`<p><code>${peer}</code>${peer === self ? ', this seed' : ' is gone'}</p>`
				: html`<${Known} p=${p} self=${self} who=${who} links=${links} now=${now} />`}
	</div>`;
}

function Known({ p, self, who, links, now }) {
	const own = links.filter(l => l.a === p.peer || l.b === p.peer);
	return html`
		<p><${Name} peer=${p.peer} who=${who} />${p.peer === self ? ', this seed' : p.seed ? ', a seed' : ''}, ${p.online ? `online ${since(ago(new Date(p.since), now))}` : 'gone'}${p.rooms.length > 0 && html`, in ${p.rooms.map((r, i) => html`${i > 0 && ', '}<bdi class="theirs">#${r}</bdi>`)}`}</p>
		<p class="dim"><code class="theirs">${p.peer}</code></p>
		${p.addrs && html`<p class="dim">${p.addrs.map(a => html`<code class="theirs">${a}</code> `)}</p>`}
		<p>${own.length === 0 ? 'No connections known here.' : html`Connected with ${own.slice(0, most).map((l, i) => html`${i > 0 && ', '}<${Name} peer=${l.a === p.peer ? l.b : l.a} who=${who} /> <span class="dim">(${how(l)})</span>`)}${own.length > most && ` and ${count(own.length - most)} more`}.`}</p>`;
}

const since = text => (text === 'just now' ? text : `for ${text}`);
const how = l => [l.relayed ? 'relayed' : 'direct', l.rtt_ms > 0 && latency(l.rtt_ms)].filter(Boolean).join(', ');

function Name({ peer, who }) {
	const nick = who.get(peer)?.nick;
	return html`${nick ? html`<bdi class="theirs"><b>${nick}</b></bdi> ` : ''}<code class="dim">…${short(peer)}</code>`;
}

// Links are all connections of the map as a table.
export function Links({ links, who, now }) {
	const [open, setOpen] = useState(false);
	const [shown, setShown] = useState(page);
	return html`<details class="panel links" onToggle=${e => setOpen(e.currentTarget.open)}>
		<summary><h2>The map as a table <span class="dim">${count(links.length)} connections</span></h2></summary>
		${open && html`<div class="scroll" tabindex="0" role="region" aria-label="Connections">
			<table>
				<thead><tr><th scope="col">From</th><th scope="col">To</th><th scope="col">Way</th><th scope="col">Latency</th><th scope="col">For</th></tr></thead>
				<tbody>${links.slice(0, shown).map(l => html`<tr key=${`${l.a} ${l.b} ${l.relayed}`}>
					<td><${Name} peer=${l.a} who=${who} /></td><td><${Name} peer=${l.b} who=${who} /></td>
					<td>${l.relayed ? 'relayed' : 'direct'}</td><td class="nowrap">${latency(l.rtt_ms)}</td><td class="nowrap">${ago(new Date(l.since), now)}</td>
				</tr>`)}</tbody>
			</table>
			${links.length > shown && html`<p class="empty"><button type="button" onClick=${() => setShown(n => n + page)}>Show more</button></p>`}
		</div>`}
	</details>`;
}
