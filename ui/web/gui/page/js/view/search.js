// Finding what was said.
import { html, Component } from '../../shared/html.js';
import { line } from '../safe.js';
import { Dialog } from './dialog.js';
import { Name } from './name.js';
import { full } from './times.js';

const pause = 250, perPage = 30;

export class Search extends Component {
	constructor(props) {
		super(props);
		this.state = { words: '', here: Boolean(props.d.ref), found: [], next: '', at: -1, said: '' };
	}

	componentWillUnmount() {
		clearTimeout(this.timer);
	}

	change(state) {
		this.setState(state, () => {
			clearTimeout(this.timer);
			this.timer = setTimeout(() => this.look(''), pause);
		});
	}

	async look(before) {
		const { model, d } = this.props;
		const { words, here } = this.state;
		if (!words.trim()) {
			this.setState({ found: [], next: '', said: '' });
			return;
		}
		const run = this.run = {};
		const q = new URLSearchParams({ words, limit: perPage });
		if (here && (d.ref || model.cur)) q.set('in', d.ref || model.cur);
		if (before) q.set('before', before);
		try {
			const got = await model.api.get(`/v1/search?${q}`);
			if (run !== this.run) return; // an older answer
			const found = before ? [...this.state.found, ...got.messages] : got.messages;
			this.setState({ found, next: got.next, at: -1, said: found.length ? `${found.length}${got.next ? ' or more' : ''} found` : 'Nothing was found.' });
		} catch (fault) {
			if (run === this.run) this.setState({ found: [], next: '', said: fault.words });
		}
	}

	pick(m) {
		const { model, close } = this.props;
		close();
		model.jump(m.conversation, m.id);
	}

	key(ev) {
		const { found, at } = this.state;
		if (ev.key === 'ArrowDown') this.setState({ at: Math.min(at + 1, found.length - 1) });
		else if (ev.key === 'ArrowUp') this.setState({ at: Math.max(at - 1, 0) });
		else if (ev.key === 'Enter' && found.length) this.pick(found[Math.max(at, 0)]);
		else return;
		ev.preventDefault();
	}

	render({ model, d, close }, { words, here, found, next, at, said }) {
		const where = d.ref || model.cur;
		return html`<${Dialog} title="Search" close=${close} wide=${true}>
			<div class="row"><input class="grow" aria-label="Words" placeholder="all these words" value=${words} onInput=${(ev) => this.change({ words: ev.currentTarget.value })} onKeyDown=${(ev) => this.key(ev)} />
			${where && html`<label class="tick"><input type="checkbox" checked=${here} onChange=${(ev) => this.change({ here: ev.currentTarget.checked })} /> only in <bdi>${model.title(model.conv(where))}</bdi></label>`}</div>
			<p class="dim" role="status">${said}</p>
			<ul class="found">${found.map((m, i) => html`<li key=${m.id}><button type="button" class="plain hit ${i === at ? 'at' : ''}" onClick=${() => this.pick(m)}>
				<span class="top"><${Name} model=${model} peer=${m.author} nick=${line(m.nick)} /> <span class="dim">${here ? '' : html`in <bdi>${model.title(model.conv(m.conversation))}</bdi>, `}${full(new Date(m.time))}</span></span>
				<bdi class="theirs">${excerpt(line(m.text), words)}</bdi></button></li>`)}</ul>
			${next && html`<p class="row end"><button type="button" onClick=${() => this.look(next)}>More</button></p>`}<//>`;
	}
}

// excerpt is a piece of a text with what was looked for in it, marked.
function excerpt(text, words) {
	const want = words.toLowerCase().split(/\s+/).filter(Boolean).slice(0, 8);
	const low = text.toLowerCase();
	const first = Math.min(...want.map((w) => low.indexOf(w)).filter((i) => i >= 0), text.length);
	const from = first < text.length ? Math.max(0, first - 60) : 0;
	const piece = text.slice(from, from + 220);
	const out = [from > 0 ? '… ' : ''];
	const parts = want.length ? piece.split(new RegExp(`(${want.map(escape).join('|')})`, 'gi')) : [piece];
	parts.forEach((p, i) => out.push(i % 2 ? html`<mark>${p}</mark>` : p));
	if (from + 220 < text.length) out.push(' …');
	return out;
}

function escape(w) {
	return w.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
