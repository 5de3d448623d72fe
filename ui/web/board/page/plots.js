// Plots of the last hour, day or week.
import { html, useEffect, useState } from './shared/html.js';
import { poll } from './shared/live.js';
import { Chart } from './shared/chart.js';
import { count, few, size } from './shared/format.js';

const spans = [['hour', 'Hour'], ['day', 'Day'], ['week', 'Week']];

export function Plots({ hour }) {
	const [span, setSpan] = useState('hour');
	const [longer, setLonger] = useState(null);
	useEffect(() => {
		setLonger(null);
		return span === 'hour' ? undefined : poll(`./v1/stats?span=${span}`, 30_000, setLonger, () => {});
	}, [span]);
	const plot = span === 'hour' ? hour : longer;
	return html`<section class="plots" aria-labelledby="plots-title">
		<header>
			<h2 id="plots-title">The last ${span}</h2>
			<div role="group" aria-label="How far back">
				${spans.map(([name, label]) => html`<button key=${name} type="button" aria-pressed=${name === span ? 'true' : 'false'} onClick=${() => setSpan(name)}>${label}</button>`)}
			</div>
		</header>
		${plot ? html`<${Charts} plot=${plot} />` : html`<p class="dim">Loading …</p>`}
	</section>`;
}

// together is how many periods of a span make one point where things are counted:
// single ones would be noise.
const together = { hour: 6, day: 3, week: 4 };

function Charts({ plot }) {
	const from = new Date(plot.from), step = plot.step_seconds;
	const common = { from, step };
	const k = together[plot.span] ?? 1;
	const sums = { from: coarseFrom(plot, k), step: step * k };
	const each = `each ${every(step * k)}`;
	const of = name => coarse(plot[name], plot, k);
	return html`<div class="charts">
		<${Chart} wide ...${common} title="People online" note=${last(plot.online, count, 'now')} format=${count} series=${[{ name: 'online', values: plot.online }]} />
		<${Chart} ...${sums} title=${`Joins and leaves, ${each}`} note=${`${count(total(plot.joins))} came, ${count(total(plot.leaves))} left`} format=${few}
			series=${[{ name: 'joins', values: of('joins') }, { name: 'leaves', values: of('leaves') }]} />
		<${Chart} ...${sums} title=${`Messages relayed, ${each}`} note=${`${count(total(plot.relayed_messages))} in all`} format=${few} series=${[{ name: 'messages', values: of('relayed_messages') }]} />
		<${Chart} ...${sums} title="Traffic a second" note=${`${size(total(plot.in_bytes))} in, ${size(total(plot.out_bytes))} out`} format=${size}
			series=${[{ name: 'in', values: rates(of('in_bytes'), step * k) }, { name: 'out', values: rates(of('out_bytes'), step * k) }]} />
		<${Chart} ...${common} title="Peers in the DHT" note=${last(plot.dht, count, 'now')} format=${count} series=${[{ name: 'peers', values: plot.dht }]} />
	</div>`;
}

const every = seconds => (seconds < 3600 ? (seconds === 60 ? 'minute' : `${seconds / 60} minutes`) : `${seconds / 3600} hours`);
const total = values => values.reduce((all, v) => all + (v ?? 0), 0);

function last(values, format, word) {
	const known = values.filter(v => v != null);
	return known.length ? `${format(known[known.length - 1])} ${word}` : '';
}

// lead is how many periods are left out at the start, so that points stay at
// round times and do not change as the plot moves on.
const lead = (plot, k) => (k - Date.parse(plot.from) / 1000 / plot.step_seconds % k) % k;

const coarseFrom = (plot, k) => new Date(Date.parse(plot.from) + lead(plot, k) * plot.step_seconds * 1000);

// coarse sums k periods each. The last point is not over yet: it would look like
// a fall, and is left out.
function coarse(values, plot, k) {
	const sums = [];
	for (let i = lead(plot, k); i + k <= values.length; i += k) {
		const known = values.slice(i, i + k).filter(v => v != null);
		sums.push(known.length ? total(known) : null);
	}
	if (sums.length && (values.length - lead(plot, k)) % k === 0) sums[sums.length - 1] = null;
	return sums;
}

const rates = (values, seconds) => values.map(v => (v == null ? null : v / seconds));
