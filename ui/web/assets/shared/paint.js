// Drawing a map: what there is of one kind goes out in one stroke, so that
// thousands of peers take a few milliseconds.
import { latency, short } from './format.js';
import { other } from './layout.js';

const labelled = 60; // with more peers in sight only some are named
const measured = 40; // with more connections only the chosen peer's say their latency
const longest = 24, widest = 130; // a name on the map: characters, CSS pixels

export class Painter {
	constructor(canvas) {
		this.canvas = canvas;
		this.ink = canvas.getContext('2d');
		this.retheme();
	}

	// retheme reads the colours of the page; custom properties are resolved by
	// way of a real one.
	retheme() {
		const probe = document.createElement('span');
		this.canvas.after(probe);
		const read = name => {
			probe.style.color = `var(--${name})`;
			return getComputedStyle(probe).color;
		};
		this.colours = Object.fromEntries(['ink', 'dim', 'line', 'panel', 'accent', 'warn'].map(n => [n, read(n)]));
		probe.remove();
		const [r, g, b] = this.colours.panel.match(/[\d.]+/g).map(Number);
		this.dark = r + g + b < 380;
	}

	size() { return { width: this.canvas.clientWidth, height: this.canvas.clientHeight }; }

	paint(layout, camera, chosen, hovered) {
		const { width, height } = this.size();
		const sharp = Math.min(2, window.devicePixelRatio || 1);
		if (this.canvas.width !== Math.round(width * sharp) || this.canvas.height !== Math.round(height * sharp)) {
			this.canvas.width = Math.round(width * sharp);
			this.canvas.height = Math.round(height * sharp);
		}
		const c = this.ink;
		c.setTransform(sharp, 0, 0, sharp, 0, 0);
		c.clearRect(0, 0, width, height);
		const at = n => [(n.x - camera.x) * camera.zoom + width / 2, (n.y - camera.y) * camera.zoom + height / 2];
		const focus = chosen ?? hovered;
		const bright = focus ? new Set([focus, ...layout.linksOf(focus).map(l => other(l, focus))]) : null;
		this.links(layout, at, focus);
		this.nodes(layout, at, radius(layout.nodes.length, camera.zoom), bright);
		if (focus) this.ring(at(focus), 11);
		if (hovered && hovered !== focus) this.ring(at(hovered), 10);
		this.labels(layout, at, focus, hovered, bright, width, height);
	}

	links(layout, at, focus) {
		const c = this.ink;
		const faint = Math.min(0.6, 9 / Math.sqrt(layout.links.length)); // many lines would be one grey
		for (const relayed of [false, true]) {
			c.setLineDash(relayed ? [5, 4] : []);
			for (const near of focus ? [false, true] : [false]) {
				c.strokeStyle = near ? this.colours.accent : relayed ? this.colours.warn : this.colours.dim;
				c.lineWidth = near ? 2 : 1;
				c.globalAlpha = near ? 1 : focus ? 0.3 * faint : faint;
				c.beginPath();
				for (const l of layout.links) {
					if (l.relayed !== relayed || (focus !== null && (l.source === focus || l.target === focus)) !== near) continue;
					c.moveTo(...at(l.source));
					c.lineTo(...at(l.target));
				}
				c.stroke();
			}
		}
		c.setLineDash([]);
		c.globalAlpha = 1;
	}

	// nodes draws people as discs in their colour, seeds as squares.
	nodes(layout, at, r, bright) {
		const c = this.ink;
		const groups = new Map();
		for (const n of layout.nodes) {
			const group = `${n.seed ? 's' : n.hue}${bright && !bright.has(n) ? '-' : ''}`;
			if (!groups.has(group)) groups.set(group, []);
			groups.get(group).push(n);
		}
		c.lineWidth = 1.5;
		c.strokeStyle = this.colours.panel;
		for (const [group, nodes] of groups) {
			c.globalAlpha = group.endsWith('-') ? 0.25 : 1;
			c.fillStyle = group.startsWith('s') ? this.colours.accent : `hsl(${parseInt(group, 10)} ${this.dark ? '60% 66%' : '58% 44%'})`;
			c.beginPath();
			for (const n of nodes) this.shape(n, at(n), r);
			c.fill();
			if (r > 3) c.stroke();
		}
		c.globalAlpha = 1;
		for (const n of layout.nodes) if (n.self) this.star(at(n), r);
	}

	shape(n, [x, y], r) {
		const c = this.ink;
		if (n.seed) {
			const s = r * 1.35;
			c.rect(x - s, y - s, 2 * s, 2 * s);
			return;
		}
		c.moveTo(x + r, y);
		c.arc(x, y, r, 0, 2 * Math.PI);
	}

	// star marks the node whose view this is.
	star([x, y], r) {
		const c = this.ink;
		c.fillStyle = this.colours.panel;
		c.beginPath();
		c.arc(x, y, r * 0.55, 0, 2 * Math.PI);
		c.fill();
	}

	ring([x, y], r) {
		const c = this.ink;
		c.strokeStyle = this.colours.accent;
		c.lineWidth = 2;
		c.beginPath();
		c.arc(x, y, r, 0, 2 * Math.PI);
		c.stroke();
	}

	labels(layout, at, focus, hovered, bright, width, height) {
		const c = this.ink;
		c.textAlign = 'center';
		c.lineJoin = 'round';
		const inSight = layout.nodes.filter(n => {
			const [x, y] = at(n);
			return x > -40 && y > -20 && x < width + 40 && y < height + 20;
		});
		const all = inSight.length <= labelled;
		for (const n of inSight) {
			const named = n === focus || n === hovered || (bright ? bright.has(n) && (all || bright.size <= labelled) : all || n.self);
			if (!named) continue;
			const [x, y] = at(n);
			c.font = `${n === focus || n === hovered ? 600 : 400} 12px system-ui, sans-serif`;
			this.text(this.nameOf(n), x, y + 20, this.colours.ink);
		}
		const spoken = focus ? layout.linksOf(focus) : layout.links.length <= measured ? layout.links : [];
		if (spoken.length > labelled) return;
		c.font = '10.5px system-ui, sans-serif';
		for (const l of spoken) {
			if (!(l.rtt > 0)) continue;
			const [x1, y1] = at(l.source), [x2, y2] = at(l.target);
			if (Math.hypot(x2 - x1, y2 - y1) < 60) continue;
			this.text(latency(l.rtt), (x1 + x2) / 2, (y1 + y2) / 2 + 3, this.colours.dim);
		}
	}

	// nameOf is a name as far as there is room for it. Letters are wide and narrow:
	// they are measured, once.
	nameOf(n) {
		const name = n.nick || short(n.peer);
		if (n.named === name) return n.label;
		n.named = name;
		let letters = Array.from(name.slice(0, 4 * longest));
		n.label = letters.length > longest ? '' : name;
		letters = letters.slice(0, longest);
		while (letters.length && (!n.label || this.ink.measureText(n.label).width > widest)) {
			letters.pop();
			n.label = `${letters.join('')}…`;
		}
		return n.label;
	}

	// text writes with a margin of the ground's colour, to be read above lines.
	text(words, x, y, colour) {
		const c = this.ink;
		c.strokeStyle = this.colours.panel;
		c.lineWidth = 3.5;
		c.strokeText(words, x, y);
		c.fillStyle = colour;
		c.fillText(words, x, y);
	}
}

// radius is smaller where there are many, and grows a little with the zoom.
function radius(n, zoom) {
	const base = n > 500 ? 3 : n > 100 ? 4.5 : 6.5;
	return Math.max(1.8, Math.min(8, base * Math.sqrt(Math.max(zoom, 0.35))));
}
