// How to join: the command, a button that copies it, and its QR code.
import { html, useRef, useState } from './shared/html.js';

export function Join({ join }) {
	const code = useRef(null);
	const [said, setSaid] = useState('');
	if (!join?.join) return null;
	const copy = async () => {
		try {
			await navigator.clipboard.writeText(join.join);
			setSaid('Copied.');
		} catch {
			// Browsers let a page copy only over HTTPS: the person can.
			getSelection().selectAllChildren(code.current);
			setSaid('Selected: press Ctrl+C.');
		}
	};
	return html`<section class="panel join" aria-labelledby="join-title">
		<div>
			<h2 id="join-title">How to join</h2>
			<p>With p2pchat on your machine, in a terminal:</p>
			<pre class="command" tabindex="0" role="region" aria-label="Command"><code ref=${code}>${join.join}</code></pre>
			<p class="copy"><button type="button" class="main" onClick=${copy}>Copy</button> <span role="status">${said}</span></p>
		</div>
		${join.qr.length > 0 && html`<${Code} rows=${join.qr} />`}
	</section>`;
}

// Code draws rows of 0 and 1. It is dark on light in every theme: many cameras
// read no other.
function Code({ rows }) {
	const n = rows.length, quiet = 3;
	const dark = rows.flatMap((row, y) => [...row].map((bit, x) => (bit === '1' ? `M${x + quiet} ${y + quiet}h1v1h-1z` : ''))).join('');
	return html`<svg class="qr" viewBox=${`0 0 ${n + 2 * quiet} ${n + 2 * quiet}`} role="img" aria-label="The same command as a QR code" shape-rendering="crispEdges">
		<rect width="100%" height="100%" rx="2" fill="#fff" /><path d=${dark} fill="#000" />
	</svg>`;
}
