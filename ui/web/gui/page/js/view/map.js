// A picture of the network as this node sees it. The tables below it say the same.
import { html, Component } from '../../shared/html.js';
import { NetMap } from '../../shared/netmap.js';
import { latency } from '../../shared/format.js';
import { line } from '../safe.js';
import { Name } from './name.js';

// most is how many peers are drawn.
const most = 500;

// graph makes nodes and links of what the node tells: who is online, and who is
// connected to it. Of connections among others it knows nothing.
export function graph(model, peers, connections) {
	const nodes = new Map([[model.self.peer, { peer: model.self.peer, nick: model.self.name, seed: false }]]);
	const add = (peer, nick, seed) => {
		if (peer && !nodes.has(peer) && nodes.size < most) nodes.set(peer, { peer, nick: model.names.text(peer, line(nick)), seed });
	};
	for (const x of connections) {
		add(x.peer, x.nick, x.role === 'seed');
		add(x.via, '', false);
	}
	for (const p of peers) add(p.peer, p.nick, p.seed);
	const links = new Map();
	for (const x of connections) {
		if (!nodes.has(x.peer)) continue;
		links.set(x.peer, { a: model.self.peer, b: x.peer, relayed: x.relayed && links.get(x.peer)?.relayed !== false, rtt_ms: x.rtt_ms });
	}
	return { nodes: [...nodes.values()], links: [...links.values()] };
}

export class NetworkMap extends Component {
	render({ model, graph: { nodes, links } }, { chosen = '', pointed = '' }) {
		const peer = pointed || chosen;
		const link = links.find((l) => l.b === peer);
		return html`<section class="panel map" aria-label="Map">
			<${NetMap} self=${model.self.peer} nodes=${nodes} links=${links} selected=${chosen} onSelect=${(p) => this.setState({ chosen: p })} pointed=${pointed} onPoint=${(p) => this.setState({ pointed: p })} describedBy="map-says" />
			<p id="map-says" class="pad dim">${!peer ? 'Lines are connections of this node; dashed ones go through another peer.'
				: peer === model.self.peer ? 'This is you.' : html`<${Name} model=${model} peer=${peer} nick="" />: ${link ? html`${link.relayed ? 'relayed' : 'direct'}, round trip ${latency(link.rtt_ms)}` : 'not connected'}`}</p></section>`;
	}
}
