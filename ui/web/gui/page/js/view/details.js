// All that is known of one message.
import { html, Component } from '../../shared/html.js';
import { Dialog } from './dialog.js';
import { Face, Name, copy } from './name.js';
import { deliveryWords, plainWords } from './message.js';
import { at } from '../api.js';
import { full } from './times.js';

export class Details extends Component {
	componentDidMount() {
		this.load();
	}

	async load() {
		const { model, d } = this.props;
		const e = model.conv(d.ref).timeline.byID.get(d.id);
		if (!e?.mine) return;
		const detail = await model.api.get(at(d.ref, `/messages/${d.id}/delivery`)).catch(() => null);
		this.setState({ detail });
	}

	render({ model, d, close }, { detail }) {
		const c = model.conv(d.ref), e = c.timeline.byID.get(d.id);
		if (!e) return html`<${Dialog} title="Message" close=${close}><p>It is not loaded any more.</p><//>`;
		const words = deliveryWords({ ...e, delivery: e.delivery ?? detail }, c);
		return html`<${Dialog} title="Message" close=${close}><p><${Name} model=${model} peer=${e.author} nick=${e.nick} />, ${full(e.time)}${e.edited ? ', changed later' : ''}</p>
			<blockquote class="theirs whole" tabindex="0">${plainWords(e)}</blockquote>
			${e.mine && html`<section class="stack" aria-label="Delivery"><h3>${words ? `${words.short[0].toUpperCase()}${words.short.slice(1)}` : 'Delivery'}</h3><p>${words?.long ?? 'Of a message of an earlier run nothing is known here.'}</p>
				${detail?.known && html`<ul class="holders">${detail.holders.map((h) => html`<li key=${h.peer} class="row"><${Face} model=${model} peer=${h.peer} nick=${h.nick} online=${h.online} /><${Name} model=${model} peer=${h.peer} nick=${h.nick} />
					<span class="dim">${h.holds ? 'holds it' : h.online ? 'has not said that it holds it' : 'not here'}</span></li>`)}</ul>`}</section>`}
			${e.reactions.length > 0 && html`<section class="stack" aria-label="Reactions"><h3>Reactions</h3>${e.reactions.map((r) => html`<p key=${r.text}><bdi>${r.text}</bdi> ${r.by.slice(0, 50).map((p, i) => html`${i > 0 && ', '}<${Name} model=${model} peer=${p} />`)}</p>`)}</section>`}
			<p class="row end"><button type="button" onClick=${() => copy(model, e.text, 'The text')}>Copy the text</button><button type="button" class="main" onClick=${close}>Close</button></p><//>`;
	}
}
