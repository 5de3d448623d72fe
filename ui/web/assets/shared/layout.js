// Where the peers of a map go: positions by d3-force, kept while peers come and
// go. No drawing here, and no clock: whoever draws calls tick.
import { forceSimulation, forceManyBody, forceLink, forceX, forceY } from 'd3-force';

const hues = 24;

export class Layout {
	constructor() {
		this.nodes = [];
		this.links = [];
		this.byPeer = new Map();
		this.near = new Map(); // peer -> its links
		this.link = forceLink([]).id(n => n.peer).distance(l => l.length);
		this.charge = forceManyBody().theta(0.95);
		this.force = forceSimulation([])
			.force('charge', this.charge).force('link', this.link)
			.force('x', forceX().strength(0.06)).force('y', forceY().strength(0.06))
			.alphaDecay(0.03).stop();
		this.force.alpha(0);
	}

	// update takes the network as it is now: nodes {peer, nick, seed}, links {a, b,
	// relayed, rtt_ms}. Who was there stays where they were; it begins to move
	// only if somebody came or left or a connection did.
	update(self, nodes, links) {
		const before = this.byPeer;
		this.byPeer = new Map();
		let moved = nodes.length !== before.size;
		this.nodes = nodes.map(n => {
			const known = before.get(n.peer);
			if (!known) moved = true;
			const node = Object.assign(known ?? { peer: n.peer, hue: hueOf(n.peer) }, { nick: n.nick, seed: n.seed, self: n.peer === self });
			this.byPeer.set(n.peer, node);
			return node;
		});
		moved = this.connect(links) || moved;
		if (!moved) return;
		for (const node of this.nodes) if (node.x === undefined) this.place(node);
		const n = this.nodes.length;
		this.charge.strength(n > 300 ? -35 : -160).distanceMax(n > 300 ? 350 : 900);
		this.force.nodes(this.nodes);
		this.link.links(this.links);
		this.force.alpha(Math.max(this.force.alpha(), before.size ? 0.3 : 1));
	}

	// connect takes the links, and reports whether they join other peers than before.
	connect(links) {
		const held = new Set(this.links.map(keyOf));
		this.near = new Map();
		this.links = [];
		let same = true;
		for (const l of links) {
			const source = this.byPeer.get(l.a), target = this.byPeer.get(l.b);
			if (!source || !target) continue;
			const link = { source, target, relayed: l.relayed, rtt: l.rtt_ms ?? 0, length: lengthOf(l) };
			this.links.push(link);
			same = held.has(keyOf(link)) && same;
			for (const peer of [l.a, l.b]) {
				if (!this.near.has(peer)) this.near.set(peer, []);
				this.near.get(peer).push(link);
			}
		}
		return !same || held.size !== this.links.length;
	}

	// place puts a newcomer next to somebody it is connected with, or on a ring.
	place(node) {
		const turn = fraction(node.peer) * 2 * Math.PI;
		const friend = (this.near.get(node.peer) ?? []).map(l => other(l, node)).find(o => o.x !== undefined);
		const far = friend ? 40 : 30 + 8 * Math.sqrt(this.nodes.length);
		node.x = (friend?.x ?? 0) + far * Math.cos(turn);
		node.y = (friend?.y ?? 0) + far * Math.sin(turn);
	}

	get moving() { return this.force.alpha() > this.force.alphaMin(); }

	tick() { this.force.tick(); }

	// settle ticks for at most so many milliseconds; it reports whether all is still.
	settle(milliseconds) {
		const end = performance.now() + milliseconds;
		while (this.moving && performance.now() < end) this.force.tick();
		return !this.moving;
	}

	linksOf(node) { return this.near.get(node.peer) ?? []; }

	// nearest is the node next to a point, no farther than so far.
	nearest(x, y, far) { return this.force.find(x, y, far); }

	// towards is the nearest node in a direction (dx, dy) from another, or undefined.
	towards(from, dx, dy) {
		let best, least = Infinity;
		for (const n of this.nodes) {
			const ahead = (n.x - from.x) * dx + (n.y - from.y) * dy;
			const aside = Math.abs((n.x - from.x) * dy - (n.y - from.y) * dx);
			if (n === from || ahead <= 0 || aside > 2 * ahead) continue;
			if (ahead + 2 * aside < least) [best, least] = [n, ahead + 2 * aside];
		}
		return best;
	}

	bounds() {
		let left = Infinity, right = -Infinity, top = Infinity, bottom = -Infinity;
		for (const n of this.nodes) {
			left = Math.min(left, n.x);
			right = Math.max(right, n.x);
			top = Math.min(top, n.y);
			bottom = Math.max(bottom, n.y);
		}
		return this.nodes.length ? { left, right, top, bottom } : { left: 0, right: 0, top: 0, bottom: 0 };
	}
}

export const other = (link, node) => (link.source === node ? link.target : link.source);

const keyOf = l => `${l.source.peer} ${l.target.peer} ${l.relayed}`;

// lengthOf draws a slow connection longer: 70 for one of 0 ms, 200 for 300 ms.
const lengthOf = l => 70 + Math.min(160, 22 * Math.log2(1 + (l.rtt_ms ?? 5) / 5));

// fraction is a number from 0 to 1 that follows from a peer ID.
function fraction(peer) {
	let h = 2166136261;
	for (let i = 0; i < peer.length; i++) h = Math.imul(h ^ peer.charCodeAt(i), 16777619);
	return (h >>> 0) / 2 ** 32;
}

const hueOf = peer => Math.floor(fraction(peer) * hues) * (360 / hues);
