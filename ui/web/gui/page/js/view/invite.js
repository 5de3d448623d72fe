// The short text with which somebody else comes here.
import { html, Component } from '../../shared/html.js';
import { Dialog } from './dialog.js';
import { copy } from './name.js';

export class Invite extends Component {
	async componentDidMount() {
		const { model, d } = this.props;
		try {
			const got = await model.api.get(`/v1/invite${d.ref ? `?conversation=${encodeURIComponent(d.ref)}` : ''}`);
			this.setState({ text: got.invite });
		} catch (fault) {
			this.setState({ error: fault.words });
		}
	}

	render({ model, d, close }, { text, error }) {
		const command = `p2pchat ${d.ref ? 'join' : 'dial'} ${text}`;
		return html`<${Dialog} title=${d.ref ? `Invite to #${d.ref}` : 'Your invite'} close=${close}>
			${error && html`<p class="mark bad" role="alert">${error}</p>`}
			${!error && !text && html`<p class="dim">One moment …</p>`}
			${text && html`<p>Give this line to a friend. It says who you are and where you are found${d.ref ? ', and names the room' : ''}; it holds no secret of yours.</p>
				<textarea class="copy" readonly rows="4" aria-label="The line to give away" value=${command} onFocus=${(ev) => ev.currentTarget.select()}></textarea>
				<p class="row end"><button type="button" onClick=${() => copy(model, text, 'The invite alone')}>Copy the invite alone</button><button type="button" class="main" autofocus onClick=${() => copy(model, command, 'The line')}>Copy</button></p>
				<${Code} model=${model} text=${text} label="QR code of the invite" />`}<//>`;
	}
}

// Code is a text as a QR code.
export class Code extends Component {
	async componentDidMount() {
		const { model, text } = this.props;
		const got = await model.api.ask('POST', '/page/qr', { text }).catch(() => null);
		if (got) this.setState({ rows: got.rows });
	}

	render({ label }, { rows }) {
		if (!rows) return null;
		const size = rows.length + 8; // four white ones on each side
		let path = '';
		rows.forEach((row, y) => {
			for (const run of row.matchAll(/1+/g)) path += `M${run.index + 4} ${y + 4}h${run[0].length}v1h-${run[0].length}z`;
		});
		return html`<svg class="code" viewBox="0 0 ${size} ${size}" role="img" aria-label=${label} shape-rendering="crispEdges"><rect width=${size} height=${size} fill="#fff" /><path d=${path} fill="#000" /></svg>`;
	}
}
