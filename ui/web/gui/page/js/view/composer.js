// Where one writes. What is written is kept over a reload, for each conversation.
import { html, Component } from '../../shared/html.js';
import { byteLength } from '../safe.js';
import { Name } from './name.js';
import { Icon, IconButton } from './icons.js';
import { plainWords } from './message.js';

const commands = ['/me', '/topic', '/join', '/dial', '/leave', '/help'];

export class Composer extends Component {
	constructor(props) {
		super(props);
		const { model, c } = props;
		this.state = { ...model.kept.draft(c.ref), error: '' };
	}

	componentDidMount() {
		const { model } = this.props;
		model.compose = (mode) => this.begin(mode);
		this.settle();
	}

	componentWillUnmount() {
		this.props.model.compose = null;
	}

	componentDidUpdate() {
		this.settle();
	}

	// settle takes the focus, if it is wanted here: not on a phone, where keys would
	// cover half the page.
	settle() {
		const { model } = this.props;
		this.fit();
		if (!model.wantInput || model.dialog || !this.input) return;
		model.wantInput = false;
		if (!matchMedia('(pointer: coarse)').matches && !model.focus.fresh) this.input.focus();
	}

	// fit makes the input as high as its text, up to what the style allows.
	fit() {
		if (!this.input) return;
		this.input.style.height = 'auto';
		this.input.style.height = `${this.input.scrollHeight + 2}px`;
	}

	keep(state) {
		const { model, c } = this.props;
		const all = { ...this.state, error: '', ...state };
		this.setState(all);
		model.kept.setDraft(c.ref, { text: all.text, mode: all.mode });
	}

	// begin takes up an answer, a change, or a text that came back.
	begin(mode) {
		const e = this.props.c.timeline.byID.get(mode.id);
		if (mode.kind === 'text') this.keep({ text: this.state.text ? `${this.state.text}\n${mode.text}` : mode.text });
		else if (mode.kind === 'edit' && e) this.keep({ text: e.text, mode: { ...mode, before: this.state.text } });
		else if (e) this.keep({ mode });
		requestAnimationFrame(() => this.input?.focus());
	}

	cancel() {
		const { mode } = this.state;
		this.keep({ text: mode?.kind === 'edit' ? mode.before ?? '' : this.state.text, mode: null });
		this.input?.focus();
	}

	key(ev) {
		if (ev.isComposing) return;
		const { model, c } = this.props;
		this.newline = ev.shiftKey || ev.altKey;
		if (ev.key === 'Escape' && this.state.mode) {
			ev.preventDefault();
			this.cancel();
		} else if (ev.key === 'ArrowUp' && !ev.altKey && !this.state.text) {
			const mine = c.timeline.entries.findLast((e) => e.mine && !e.deleted && e.kind !== 'topic');
			if (!mine) return;
			ev.preventDefault();
			this.begin({ kind: 'edit', id: mine.id });
		} else if (ev.key === 'Tab' && !ev.shiftKey && this.complete()) {
			ev.preventDefault();
		} else if (ev.key === 'PageUp' || ev.key === 'PageDown') {
			const box = document.querySelector('.box');
			box?.scrollBy({ top: (ev.key === 'PageUp' ? -0.9 : 0.9) * box.clientHeight });
			ev.preventDefault();
		}
		model.spoken = '';
	}

	// enter sends in place of a new line. Keyboards on a screen do not tell the key,
	// but all tell what they are about to put in.
	enter(ev) {
		if (ev.inputType !== 'insertLineBreak' || this.newline) return;
		ev.preventDefault();
		this.send();
	}

	// complete completes the name before the cursor, if there is one.
	complete() {
		const { model, c } = this.props;
		const at = this.input.selectionStart;
		const word = /(\S+)$/.exec(this.state.text.slice(0, at))?.[1];
		if (!word || this.input.selectionEnd !== at) return false;
		const names = word.startsWith('/') ? commands : [...c.members.values()].map((m) => model.names.plain(m.peer, m.nick));
		const found = names.find((n) => n && n.toLowerCase().startsWith(word.replace(/^@/, '').toLowerCase()));
		if (!found) return false;
		const begin = this.state.text.slice(0, at - word.length);
		const done = found + (begin || word.startsWith('/') ? ' ' : ': ');
		this.keep({ text: begin + done + this.state.text.slice(at) });
		requestAnimationFrame(() => this.input.setSelectionRange(begin.length + done.length, begin.length + done.length));
		return true;
	}

	send() {
		const { model, c } = this.props;
		const { text, mode } = this.state;
		if (!text.trim()) return;
		if (byteLength(text) > model.info.max_text) {
			this.setState({ error: `This is ${byteLength(text).toLocaleString()} bytes long; a message has at most ${model.info.max_text.toLocaleString()}.` });
			return;
		}
		if (mode?.kind !== 'edit' && text.startsWith('/')) {
			const error = this.command(text);
			if (error) this.setState({ error });
			return;
		}
		this.say(mode?.kind === 'edit' ? { edit: mode.id, text } : mode?.kind === 'reply' ? { reply_to: mode.id, text } : { text }, mode?.kind === 'edit' ? mode.before : '');
	}

	say(body, rest = '') {
		const { model, c } = this.props;
		if (!model.say(c.ref, body)) return;
		this.keep({ text: rest ?? '', mode: null });
		if (!('edit' in body)) {
			c.stick = !c.timeline.newer;
			if (!c.stick) model.attempt(() => model.loading.newest(c));
		}
		model.draw();
	}

	// command does what a line with a slash says, and returns why not.
	command(text) {
		const { model, c } = this.props;
		if (text.startsWith('//')) return this.say({ text: text.slice(1) });
		const [, name, rest] = /^(\/\S*)\s*([^]*)$/.exec(text);
		const done = () => this.keep({ text: '', mode: null });
		switch (name) {
		case '/me': return rest ? this.say({ text: rest, action: true }) : 'Write what you do, for example /me waves.';
		case '/topic': return c.room ? this.say({ topic: rest }) : 'A private conversation has no topic.';
		case '/join': done(); return void (rest ? model.attempt(() => model.enter({ room: rest.trim() })) : model.open({ kind: 'join' }));
		case '/dial': done(); return void model.open({ kind: 'join', text: rest.trim() });
		case '/leave': done(); return void model.open({ kind: 'leave', ref: c.ref });
		case '/help': done(); return void model.open({ kind: 'help' });
		}
		return `There is no command ${name.slice(0, 30)}. Begin with // to send a text with a slash.`;
	}

	render({ model, c }, { text, mode, error }) {
		if (!c.ours) return html`<${Closed} model=${model} c=${c} />`;
		const e = mode && c.timeline.byID.get(mode.id);
		const left = model.info.max_text - (text.length > model.info.max_text / 4 ? byteLength(text) : 0);
		return html`<form class="composer" onSubmit=${(ev) => { ev.preventDefault(); this.send(); }}>
			${c.notice && html`<p class="hint">${c.notice}</p>`}
			${mode && html`<p class="doing"><${Icon} name=${mode.kind} />${mode.kind === 'edit' ? 'You change your message' : html`Answer to ${e ? html`<${Name} model=${model} peer=${e.author} nick=${e.nick} />: <bdi class="theirs">${plainWords(e).slice(0, 80)}</bdi>` : 'an earlier message'}`}
				<${IconButton} icon="close" label="Take it back (Esc)" onClick=${() => this.cancel()} /></p>`}
			${error && html`<p class="mark bad" role="alert">${error}</p>`}
			${left < 2000 && html`<p class="mark ${left < 0 ? 'bad' : ''}">${left < 0 ? `${-left} bytes too long` : `${left} bytes left`}</p>`}
			<div class="row"><textarea id="input" rows="1" ref=${(i) => { this.input = i; }} value=${text} aria-label=${`Message to ${model.title(c)}`} placeholder=${`Message to ${model.title(c)}`} dir="auto"
				onInput=${(ev) => this.keep({ text: ev.currentTarget.value })} onKeyDown=${(ev) => this.key(ev)} onbeforeinput=${(ev) => this.enter(ev)} enterkeyhint="send" autocomplete="off"></textarea>
			<button type="submit" class="main round" aria-label="Send" title="Send (Enter)"><${Icon} name="send" /></button></div></form>`;
	}
}

// Closed stands where one cannot write.
function Closed({ model, c }) {
	const request = model.requests.find((q) => q.peer === c.ref);
	if (request) return html`<div class="composer closed"><p>You do not know this person yet.</p><button type="button" class="main" onClick=${() => model.open({ kind: 'requests' })}>Answer the request</button></div>`;
	if (model.contacts.get(c.ref)?.blocked) return html`<div class="composer closed"><p>You blocked this person.</p><button type="button" onClick=${() => model.open({ kind: 'person', peer: c.ref })}>Show</button></div>`;
	return html`<div class="composer closed"><p>${c.notice || (c.room ? 'You are not in this room now.' : 'This conversation is closed.')}</p>
		<button type="button" class="main" disabled=${model.link.state !== 'live'} onClick=${() => model.attempt(() => model.enter(c.room ? { room: c.ref } : { peer: c.ref }))}>${c.room ? 'Join the room' : 'Open it'}</button></div>`;
}
