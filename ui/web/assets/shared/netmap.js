// A map of a network on a canvas. It shows nothing that the page does not also
// say in words next to it.
//
//	html`<${NetMap} self=${peer} nodes=${nodes} links=${links}
//		selected=${peer} onSelect=${peer => ...} pointed=${peer} onPoint=${peer => ...} />`
//
// nodes are {peer, nick, seed}, links {a, b, relayed, rtt_ms}; positions are in
// layout.js. selected was clicked, or gone to with the arrow keys; pointed is
// under the pointer, here or elsewhere on the page; '' is nobody. It draws only while something moves.
import { html, useEffect, useRef, useState } from './html.js';
import { Layout } from './layout.js';
import { Painter } from './paint.js';

const grab = 14; // CSS pixels: how far beside a node still means the node

export function NetMap({ self, nodes, links, selected, onSelect, pointed, onPoint, describedBy }) {
	const canvas = useRef(null);
	const chart = useRef(null);
	const [help, setHelp] = useState(false);
	useEffect(() => {
		chart.current = new View(canvas.current);
		return () => chart.current.stop();
	}, []);
	useEffect(() => { Object.assign(chart.current, { onSelect, onPoint }); });
	useEffect(() => { chart.current.show(self, nodes, links); }, [self, nodes, links]);
	useEffect(() => { chart.current.mark(selected, pointed); }, [selected, pointed, nodes]);
	const press = what => () => chart.current[what]();
	return html`<div class="netmap">
		<canvas ref=${canvas} tabindex="0" role="application" aria-roledescription="map" aria-describedby=${describedBy}
			aria-label=${`Map: ${nodes.length} peers, ${links.length} connections. Arrow keys go from peer to peer.`}
			onFocus=${() => setHelp(true)} onBlur=${() => setHelp(false)}></canvas>
		<div class="zoom">
			<button type="button" aria-label="Closer" title="Closer" onClick=${press('closer')}>+</button>
			<button type="button" aria-label="Farther" title="Farther" onClick=${press('farther')}>−</button>
			<button type="button" aria-label="Show all" title="Show all" onClick=${press('all')}>⤢</button>
		</div>
		${help && html`<p class="keys" aria-hidden="true">Arrow keys: next peer · + − 0: zoom · Esc: none</p>`}
	</div>`;
}

// A View is a canvas with a layout on it, and what the person does there.
class View {
	constructor(canvas) {
		this.canvas = canvas;
		this.layout = new Layout();
		this.painter = new Painter(canvas);
		this.camera = { x: 0, y: 0, zoom: 1 };
		this.follow = true; // keep everything in sight
		this.chosen = this.hovered = null;
		this.still = matchMedia('(prefers-reduced-motion: reduce)');
		this.ends = new AbortController();
		this.frame = 0;
		this.listen();
	}

	stop() {
		this.ends.abort();
		this.sizes.disconnect();
		this.themes.disconnect();
		cancelAnimationFrame(this.frame);
	}

	listen() {
		const on = (target, name, use, more) => target.addEventListener(name, use, { signal: this.ends.signal, ...more });
		on(this.canvas, 'pointermove', e => this.pointed(e));
		on(this.canvas, 'pointerleave', () => this.hover(null));
		on(this.canvas, 'pointerdown', e => this.pressed(e));
		on(this.canvas, 'pointerup', e => this.released(e));
		on(this.canvas, 'pointercancel', () => { this.drag = null; });
		on(this.canvas, 'keydown', e => this.key(e));
		on(this.canvas, 'wheel', e => this.wheel(e), { passive: false });
		on(matchMedia('(prefers-color-scheme: dark)'), 'change', () => this.retheme());
		this.themes = new MutationObserver(() => this.retheme());
		this.themes.observe(document.documentElement, { attributeFilter: ['data-theme'] });
		this.sizes = new ResizeObserver(() => this.draw());
		this.sizes.observe(this.canvas);
	}

	show(self, nodes, links) {
		this.layout.update(self, nodes, links);
		this.draw();
	}

	mark(selected, pointed) {
		this.chosen = this.layout.byPeer.get(selected) ?? null;
		this.hovered = this.layout.byPeer.get(pointed) ?? null;
		this.draw();
	}

	retheme() {
		this.painter.retheme();
		this.draw();
	}

	// draw paints with the next frame what changed.
	draw() {
		this.stale = true;
		this.again();
	}

	again() {
		if (!this.frame) this.frame = requestAnimationFrame(() => this.paint());
	}

	// paint draws one frame, and asks for the next while something moves. For
	// those who want no motion the layout settles unseen, a few milliseconds of
	// each frame, and is drawn when it is done or something else is to be seen.
	paint() {
		this.frame = 0;
		const calm = this.still.matches;
		if (calm && !this.layout.settle(10) && !this.stale) return this.again();
		this.stale = false;
		if (!calm && this.layout.moving) this.layout.tick();
		const travels = this.follow && this.approach(calm);
		this.painter.paint(this.layout, this.camera, this.chosen, this.hovered);
		if (this.layout.moving || travels) this.again();
	}

	// approach moves the camera towards seeing everything; it reports whether it
	// is still on its way.
	approach(atOnce) {
		const { left, right, top, bottom } = this.layout.bounds();
		const { width, height } = this.painter.size();
		const zoom = Math.min(2, (width - 70) / Math.max(1, right - left), (height - 70) / Math.max(1, bottom - top));
		const goal = { x: (left + right) / 2, y: (top + bottom) / 2, zoom: Math.max(0.02, zoom) };
		const part = atOnce || !this.arrived ? 1 : 0.15;
		this.arrived = true;
		let way = 0;
		for (const k of ['x', 'y', 'zoom']) {
			this.camera[k] += (goal[k] - this.camera[k]) * part;
			way += Math.abs(goal[k] - this.camera[k]) * (k === 'zoom' ? 200 : this.camera.zoom);
		}
		return way > 0.5;
	}

	// place is where on the map an event is.
	place(e) {
		const box = this.canvas.getBoundingClientRect();
		return {
			x: (e.clientX - box.left - box.width / 2) / this.camera.zoom + this.camera.x,
			y: (e.clientY - box.top - box.height / 2) / this.camera.zoom + this.camera.y,
		};
	}

	under(e) {
		const { x, y } = this.place(e);
		return this.layout.nearest(x, y, grab / this.camera.zoom) ?? null;
	}

	pointed(e) {
		if (!this.drag) return this.hover(this.under(e));
		const dx = e.clientX - this.drag.x, dy = e.clientY - this.drag.y;
		if (!this.drag.far && Math.hypot(dx, dy) < 5) return;
		this.drag.far = true;
		this.follow = false;
		this.camera.x = this.drag.camera.x - dx / this.camera.zoom;
		this.camera.y = this.drag.camera.y - dy / this.camera.zoom;
		this.draw();
	}

	pressed(e) {
		if (e.button !== 0) return;
		this.drag = { x: e.clientX, y: e.clientY, camera: { ...this.camera }, far: false };
		if (e.pointerType === 'mouse') this.canvas.setPointerCapture(e.pointerId);
	}

	released(e) {
		const drag = this.drag;
		this.drag = null;
		if (drag && !drag.far) this.choose(this.under(e));
	}

	hover(node) {
		if (node === this.hovered) return;
		this.hovered = node;
		this.canvas.style.cursor = node ? 'pointer' : '';
		this.draw();
		this.onPoint?.(node ? node.peer : '');
	}

	choose(node) { this.onSelect?.(node ? node.peer : ''); }

	key(e) {
		const way = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[e.key];
		if (e.ctrlKey || e.metaKey || e.altKey) return;
		if (way) {
			const first = this.layout.nodes.find(n => n.self) ?? this.layout.nodes[0];
			const next = this.chosen ? this.layout.towards(this.chosen, ...way) : first;
			if (next) this.choose(next);
		} else if (e.key === '+' || e.key === '=') this.closer();
		else if (e.key === '-') this.farther();
		else if (e.key === '0') this.all();
		else if (e.key === 'Escape') this.choose(null);
		else return;
		e.preventDefault();
	}

	// wheel zooms only a map the person went to: else the page scrolls.
	wheel(e) {
		if (!e.ctrlKey && document.activeElement !== this.canvas) return;
		e.preventDefault();
		const before = this.place(e);
		this.zoomBy(Math.exp(-e.deltaY / 400));
		const after = this.place(e);
		this.camera.x += before.x - after.x;
		this.camera.y += before.y - after.y;
	}

	zoomBy(factor) {
		this.follow = false;
		this.camera.zoom = Math.max(0.02, Math.min(8, this.camera.zoom * factor));
		this.draw();
	}

	closer() { this.zoomBy(1.4); }

	farther() { this.zoomBy(1 / 1.4); }

	all() {
		this.follow = true;
		this.draw();
	}
}
