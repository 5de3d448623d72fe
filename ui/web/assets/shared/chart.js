// A small line chart: axes, units, a value under the pointer, a description for
// those who cannot see it, and the same numbers as a table.
//
//	html`<${Chart} title="Online" from=${date} step=${10} series=${[
//		{ name: 'online', values: [3, 4, null, 5] },
//	]} format=${count} />`
//
// from is when the first value's period begins, step how many seconds a period
// has. Where a value is null the line has a gap.
import { html, useState, useRef, useLayoutEffect, useId } from './html.js';

const height = 150;
const pad = { left: 52, right: 12, top: 10, bottom: 22 };

export function Chart({ title, note, from, step, series, format, wide }) {
	const [box, width] = useWidth();
	const [at, setAt] = useState(-1);
	const [open, setOpen] = useState(false);
	const id = useId();
	const plot = scale(series, width);
	const point = at >= 0 && at < plot.n ? at : -1;
	const move = event => {
		const x = event.clientX - event.currentTarget.getBoundingClientRect().left;
		setAt(Math.max(0, Math.min(plot.n - 1, Math.round((x - pad.left) / plot.dx))));
	};
	return html`<figure class=${`chart panel ${wide ? 'wide' : ''}`} ref=${box}>
		<figcaption>
			<h3 id=${id}>${title}</h3>
			<p class="dim">${point >= 0 ? reading(series, point, from, step, format) : note}</p>
		</figcaption>
		<svg class="plot" width=${width} height=${height} role="img" aria-label=${`${title}. ${describe(series, format)}`}
			onPointerMove=${move} onPointerLeave=${() => setAt(-1)}>
			<${Axes} plot=${plot} from=${from} step=${step} format=${format} width=${width} />
			${series.map((s, i) => html`<path key=${s.name} class=${`line line${i}`} d=${path(s.values, plot)} />`)}
			${point >= 0 && html`<g>
				<line class="cursor" x1=${plot.x(point)} x2=${plot.x(point)} y1=${pad.top} y2=${height - pad.bottom} />
				${series.map((s, i) => s.values[point] != null
					&& html`<circle key=${s.name} class=${`dot dot${i}`} r="3.5" cx=${plot.x(point)} cy=${plot.y(s.values[point])} />`)}
			</g>`}
		</svg>
		${series.length > 1 && html`<ul class="legend">
			${series.map((s, i) => html`<li key=${s.name}><svg width="22" height="8" aria-hidden="true"><path class=${`line line${i}`} d="M1 4H21" /></svg>${s.name}</li>`)}
		</ul>`}
		<details onToggle=${event => setOpen(event.currentTarget.open)}>
			<summary>As a table<span class="said">: ${title}</span></summary>
			${open && html`<div class="scroll" tabindex="0" role="region" aria-labelledby=${id}>
				<${Table} series=${series} from=${from} step=${step} format=${format} />
			</div>`}
		</details>
	</figure>`;
}

// useWidth returns a ref for an element, and the width it has.
function useWidth() {
	const box = useRef(null);
	const [width, setWidth] = useState(320);
	useLayoutEffect(() => {
		const measure = () => {
			const style = getComputedStyle(box.current);
			setWidth(Math.max(160, Math.floor(box.current.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight))));
		};
		const watch = new ResizeObserver(measure);
		watch.observe(box.current);
		measure();
		return () => watch.disconnect();
	}, []);
	return [box, width];
}

// scale says where values go.
function scale(series, width) {
	const n = Math.max(1, ...series.map(s => s.values.length));
	const most = Math.max(0, ...series.flatMap(s => s.values.filter(v => v != null)));
	const ticks = niceTicks(most);
	const top = ticks[ticks.length - 1];
	const dx = (width - pad.left - pad.right) / Math.max(1, n - 1);
	const dy = (height - pad.top - pad.bottom) / top;
	return { n, dx, ticks, x: i => pad.left + i * dx, y: v => height - pad.bottom - v * dy };
}

// niceTicks are three to five round numbers from 0 to at least most.
export function niceTicks(most) {
	const target = Math.max(most, 1);
	const power = 10 ** Math.floor(Math.log10(target / 4));
	const step = Math.max(target <= 4 ? 1 : 0, [1, 2, 2.5, 5, 10].find(m => m * power * 4 >= target) * power);
	const ticks = [];
	for (let v = 0; ; v += step) {
		ticks.push(v);
		if (v >= target && ticks.length > 2) return ticks;
	}
}

// timeTicks are indexes of periods that begin at round times.
function timeTicks(n, from, step, width) {
	const wanted = Math.max(3, width / 75);
	const rounds = [60, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 14400, 21600, 43200, 86400, 172800, 259200];
	const every = rounds.find(r => n * step / r <= wanted) ?? 604800;
	const zone = from.getTimezoneOffset() * 60; // midnight is local
	const start = from.getTime() / 1000;
	const ticks = [];
	const apart = 62 * n / (width - pad.left - pad.right); // periods that a label covers
	for (let i = 0; i < n; i++) {
		// The label of a point at the right edge stands to its left.
		const room = n - i < apart / 2 ? 1.5 * apart : apart;
		if ((start + i * step - zone) % every < step && !(i - ticks.at(-1) < room)) ticks.push(i);
	}
	return { ticks, every };
}

function Axes({ plot, from, step, format, width }) {
	const { ticks, every } = timeTicks(plot.n, from, step, width);
	return html`<g class="axes" aria-hidden="true">
		${plot.ticks.map(v => html`<g key=${v}>
			<line x1=${pad.left} x2=${width - pad.right} y1=${plot.y(v)} y2=${plot.y(v)} />
			<text x=${pad.left - 6} y=${plot.y(v) + 4} text-anchor="end">${format(v)}</text>
		</g>`)}
		${ticks.map(i => html`<text key=${i} y=${height - 5} text-anchor=${anchor(plot.x(i), width)} x=${plot.x(i)}>${label(timeOf(i, from, step), every)}</text>`)}
	</g>`;
}

const anchor = (x, width) => (x > width - 30 ? 'end' : x < pad.left + 12 ? 'start' : 'middle');
const timeOf = (i, from, step) => new Date(from.getTime() + i * step * 1000);

function label(date, every) {
	if (every >= 86400) return date.toLocaleDateString([], { weekday: 'short', day: 'numeric' });
	return date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
}

// path draws the values, with gaps where there are none; a value alone is a dot.
function path(values, plot) {
	let d = '', gap = true;
	values.forEach((v, i) => {
		if (v == null) {
			gap = true;
			return;
		}
		const at = `${plot.x(i).toFixed(1)} ${plot.y(v).toFixed(1)}`;
		d += gap ? `M${at}` : `L${at}`;
		if (gap && values[i + 1] == null) d += 'h0.01';
		gap = false;
	});
	return d;
}

function reading(series, i, from, step, format) {
	const when = timeOf(i, from, step).toLocaleString([], { weekday: step > 60 ? 'short' : undefined, hour: '2-digit', minute: '2-digit', second: step < 60 ? '2-digit' : undefined });
	return `${when}: ${series.map(s => `${series.length > 1 ? `${s.name} ` : ''}${s.values[i] == null ? 'unknown' : format(s.values[i])}`).join(', ')}`;
}

function describe(series, format) {
	return series.map(s => {
		const known = s.values.filter(v => v != null);
		if (!known.length) return `${s.name}: nothing known yet`;
		return `${s.name}: between ${format(Math.min(...known))} and ${format(Math.max(...known))}, at last ${format(known[known.length - 1])}`;
	}).join('; ');
}

function Table({ series, from, step, format }) {
	const rows = [];
	for (let i = series[0].values.length - 1; i >= 0; i--) {
		if (series.some(s => s.values[i] != null)) rows.push(i);
	}
	return html`<table>
		<thead><tr><th scope="col">From</th>${series.map(s => html`<th key=${s.name} scope="col" class="number">${s.name}</th>`)}</tr></thead>
		<tbody>
			${rows.map(i => html`<tr key=${i}>
				<td>${timeOf(i, from, step).toLocaleString([], { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', second: '2-digit' })}</td>
				${series.map(s => html`<td key=${s.name} class="number">${s.values[i] == null ? '–' : format(s.values[i])}</td>`)}
			</tr>`)}
		</tbody>
	</table>`;
}
