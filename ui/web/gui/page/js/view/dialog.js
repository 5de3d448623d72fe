// A window above the page. The browser keeps the focus in it, and Esc closes it.
import { html, Component } from '../../shared/html.js';
import { IconButton } from './icons.js';

let windows = 0;

export class Dialog extends Component {
	constructor(props) {
		super(props);
		this.id = `dialog-${++windows}`;
	}

	componentDidMount() {
		this.before = document.activeElement;
		this.el.showModal();
		const first = ['[autofocus]', 'input, textarea', '.content button'].map((css) => this.el.querySelector(css)).find(Boolean);
		first?.focus();
	}

	componentWillUnmount() {
		this.el.close();
		if (this.before?.isConnected) this.before.focus();
		else document.getElementById('input')?.focus();
	}

	render({ title, close, children, wide }) {
		return html`<dialog class="dialog ${wide ? 'wide' : ''}" aria-labelledby=${this.id} ref=${(d) => { this.el = d; }} onCancel=${(ev) => { ev.preventDefault(); close(); }}
			onMouseDown=${(ev) => { if (ev.target === this.el) close(); }}>
			<div class="sheet"><div class="bar"><h2 id=${this.id}>${title}</h2><${IconButton} icon="close" label="Close (Esc)" onClick=${close} /></div>
			<div class="content">${children}</div></div></dialog>`;
	}
}
