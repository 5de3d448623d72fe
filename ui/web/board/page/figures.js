// The live figures on top.
import { html } from './shared/html.js';
import { count, size } from './shared/format.js';

export function Figures({ counts, hour }) {
	const c = counts ?? {};
	return html`<section class="figures" aria-label="Live figures">
		<div class="panel figure main">
			<div>
				<p><span class="value">${counts ? count(c.online) : '–'}</span> <span class="name">online now</span></p>
				<p class="note">${comings(hour) || '\u00a0'}</p>
			</div>
			<${Spark} values=${hour?.online ?? []} />
		</div>
		<${Figure} name="connections" value=${counts && count(c.direct + c.relayed)} note=${counts && `${count(c.direct)} direct, ${count(c.relayed)} relayed`} />
		<${Figure} name="relayed messages" value=${hour && count(sum(hour.relayed_messages))} note=${hour && `${size(sum(hour.relayed_bytes))} in the last hour`} />
		<${Figure} name="traffic" value=${rate(hour, 'in_bytes', 'out_bytes')} note=${hour && `in ${rate(hour, 'in_bytes')}, out ${rate(hour, 'out_bytes')}`} />
		<${Figure} name="peers in the DHT" value=${counts && count(c.dht)} note=${counts && plural(c.seeds, 'seed')} />
	</section>`;
}

function Figure({ name, value, note }) {
	return html`<div class="panel figure">
		<p class="value">${value ?? '–'}</p>
		<p class="name">${name}</p>
		<p class="dim note">${note || '\u00a0'}</p>
	</div>`;
}

// Spark is the last hour at a glance; the plots below have it with axes.
function Spark({ values }) {
	const most = Math.max(1, ...values), n = Math.max(1, values.length - 1);
	let d = '', area = '', gap = true;
	values.forEach((v, i) => {
		const x = (i / n * 100).toFixed(2), y = v == null ? 0 : (29 - v / most * 26).toFixed(2);
		if (v != null) {
			d += `${gap ? 'M' : 'L'}${x} ${y}`;
			area += `${gap ? `M${x} 30L` : 'L'}${x} ${y}`;
		}
		if (values[i + 1] == null && v != null) area += `L${x} 30Z`;
		gap = v == null;
	});
	return html`<svg class="spark" viewBox="0 0 100 30" preserveAspectRatio="none" aria-hidden="true"><path class="area" d=${area} /><path class="edge" d=${d} /></svg>`;
}

const plural = (n, word) => `${count(n)} ${word}${n === 1 ? '' : 's'}`;
const sum = values => values.reduce((all, v) => all + (v ?? 0), 0);

function comings(hour) {
	return hour && `${count(sum(hour.joins))} came, ${count(sum(hour.leaves))} left in the last hour`;
}

// rate is what the named columns were in the newest period, a second.
function rate(plot, ...names) {
	if (!plot) return null;
	for (let i = plot.in_bytes.length - 1; i >= Math.max(0, plot.in_bytes.length - 3); i--) {
		if (plot.in_bytes[i] != null) return `${size(names.reduce((all, n) => all + plot[n][i], 0) / plot.step_seconds)}/s`;
	}
	return '–';
}
