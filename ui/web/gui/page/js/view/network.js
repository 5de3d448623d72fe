// How this node is connected, and who is there as it sees it.
import { html, Component } from '../../shared/html.js';
import { count, latency, size } from '../../shared/format.js';
import { line } from '../safe.js';
import { toChat } from '../keys.js';
import { IconButton } from './icons.js';
import { NetworkMap, graph } from './map.js';
import { Name } from './name.js';
import { since } from './times.js';

const every = 3000, mostRows = 300;

export class Network extends Component {
	componentDidMount() {
		this.load();
		this.timer = setInterval(() => { if (!document.hidden) this.load(); }, every);
	}

	componentWillUnmount() {
		clearInterval(this.timer);
	}

	// load asks for all there is, one question at a time: a slow answer may not pile
	// up others.
	async load() {
		const { model } = this.props;
		if (this.busy || model.link.state !== 'live') return;
		this.busy = true;
		try {
			const [{ peers }, { connections }] = await Promise.all([model.api.get('/v1/peers'), model.api.get('/v1/connections')]);
			await model.loading.status();
			this.setState({ peers, connections, graph: this.newGraph(peers, connections) });
		} catch {
			// the banner tells
		} finally {
			this.busy = false;
		}
	}

	// newGraph is another one only if something is: the map moves when it is.
	newGraph(peers, connections) {
		const g = graph(this.props.model, peers, connections);
		return JSON.stringify(g) === JSON.stringify(this.state.graph) ? this.state.graph : g;
	}

	render({ model }, { peers, connections, graph: picture }) {
		const s = model.status, n = s?.network;
		return html`<header class="bar head"><span class="narrow-only"><${IconButton} icon="back" label="Back to the conversations" onClick=${() => toChat(model, '')} /></span>
				<div class="where"><h1>Network</h1><p class="sub">as this node sees it</p></div>
				<span class="wide-only"><button type="button" onClick=${() => toChat(model)}>Back to the chat</button></span></header>
			<div class="network" tabindex="0" role="region" aria-label="All about the network">
			${s && html`<section class="cards" aria-label="In short">
				<${Card} what="online" value=${count(s.peers)} /><${Card} what="connections" value=${count(s.connections)} note=${s.relayed ? `${s.relayed} relayed` : ''} />
				<${Card} what="how others reach you" value=${reach(n)} note=${n?.nat} />
				<${Card} what="traffic an hour" value=${s.traffic ? `${size(s.traffic.in_bytes_hour)} in` : '–'} note=${s.traffic && `${size(s.traffic.out_bytes_hour)} out`} />
				<${Card} what="memory" value=${size(s.memory_bytes)} note=${`up for ${since(s.since)}`} /></section>`}
			${picture && html`<${NetworkMap} model=${model} graph=${picture} />`}
			<${Table} title="Who is online" empty="Nobody else, as far as this node knows." rows=${peers?.slice(0, mostRows)} more=${(peers?.length ?? 0) - mostRows} heads=${['Name', 'Connected', 'Round trip', 'Since', 'Address']}
				row=${(p) => [html`<${Name} model=${model} peer=${p.peer} nick=${line(p.nick)} />${p.seed && html` <span class="tag">seed</span>`}`, p.how || 'not connected', latency(p.rtt_ms), since(p.since), html`<code>${p.addr}</code>`]} />
			<${Table} title="Connections" empty="None." rows=${connections?.slice(0, mostRows)} more=${(connections?.length ?? 0) - mostRows} heads=${['With', 'Role', 'Path', 'Round trip', 'Open for', 'In', 'Out', 'Remote address']}
				row=${(x) => [html`<${Name} model=${model} peer=${x.peer} nick=${line(x.nick)} />`, x.role, x.relayed ? html`relayed${x.via && html` by <${Name} model=${model} peer=${x.via} />`}` : x.inbound ? 'direct, from there' : 'direct, from here', latency(x.rtt_ms), since(x.opened), size(x.in_bytes), size(x.out_bytes), html`<code>${x.remote}</code>`]} />
			${n && html`<${Table} title="Seeds" empty="No seed is set." rows=${n.seeds} heads=${['Seed', 'State', 'Since', 'Relays for you', 'Last error']}
				row=${(x) => [html`<${Name} model=${model} peer=${x.peer} nick="" />`, x.connected ? 'connected' : 'no answer', since(x.since), x.reserved ? 'yes' : 'no', x.last_error || '–']} />
			<${Table} title="Searches for members" empty="None runs." rows=${n.searches} heads=${['Conversation', 'Looked up', 'Found', 'Next', 'Last error']}
				row=${(x) => [html`<bdi>${searchName(model, x.conversation)}</bdi>`, count(x.lookups), count(x.found), next(x.next), x.last_error || '–']} />
			<${Table} title="Local network" empty="Nobody is looked for there." rows=${n.lan} heads=${['Interface', 'Search', 'Last error']} row=${(x) => [x.interface, x.on ? 'on' : 'off', x.last_error || '–']} />
			<section class="panel pad" aria-label="This node"><h2>This node</h2><dl class="facts"><dt>Peer ID</dt><dd><code class="id">${s.peer}</code></dd><dt>Listens at</dt><dd>${s.addrs.map((a) => html`<code>${a}</code> `)}</dd>
				<dt>Advertised</dt><dd>${n.advertised?.length ? n.advertised.map((a) => html`<code>${a}</code> `) : 'nothing'}</dd>
				<dt>Hash table</dt><dd>${n.dht.mode || 'off'}, ${count(n.dht.size)} servers known, ${count(n.dht.lookups)} look-ups${n.dht.last_error && `, last error: ${n.dht.last_error}`}</dd>
				<dt>Dialling</dt><dd>${count(n.dials)} attempts run, ${count(n.resting)} peers are left alone for a while</dd><dt>Faces</dt><dd>${count(s.faces)} attached, ${count(s.open)} conversations open</dd></dl></section>`}
			</div>`;
	}
}

function searchName(model, ref) {
	if (!ref) return 'who is online';
	return model.title(model.convs.get(ref) ?? { ref, room: !ref.startsWith('12D3KooW'), name: '' });
}

function next(time) {
	const s = (Date.parse(time) - Date.now()) / 1000;
	return s > 0 && s < 1e6 ? `in ${Math.ceil(s)} s` : 'now';
}

function reach(n) {
	return { public: 'directly', private: 'not directly' }[n?.reachability] ?? 'not known yet';
}

function Card({ what, value, note }) {
	return html`<div class="panel card"><p class="value">${value}</p><p>${what}</p>${note && html`<p class="dim">${note}</p>`}</div>`;
}

function Table({ title, heads, rows, row, empty, more }) {
	return html`<section class="panel" aria-label=${title}><h2 class="pad">${title}</h2>
		${!rows ? html`<p class="pad dim">One moment …</p>` : !rows.length ? html`<p class="pad dim">${empty}</p>`
			: html`<div class="wide-table" tabindex="0" role="region" aria-label=${`${title}, table`}><table><thead><tr>${heads.map((h) => html`<th scope="col">${h}</th>`)}</tr></thead>
				<tbody>${rows.map((r) => html`<tr>${row(r).map((cell) => html`<td>${cell}</td>`)}</tr>`)}</tbody></table></div>${more > 0 && html`<p class="pad dim">and ${more} more</p>`}`}</section>`;
}
