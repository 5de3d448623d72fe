// One message.
import { html, Component } from '../../shared/html.js';
import { links } from '../links.js';
import { Face, Name } from './name.js';
import { IconButton, Icon } from './icons.js';
import { clock, full } from './times.js';

// Longer messages are folded: shown is how many characters and lines are seen at
// first. maxReactions is how many different reactions are, maxTopic how much of a
// topic.
const shownChars = 1500, shownLines = 24, maxReactions = 12, quoted = 90, maxTopic = 300;

export class Message extends Component {
	shouldComponentUpdate(next, state) {
		const p = this.props;
		return next.e !== p.e || next.version !== this.drawn || next.names !== p.names || next.joined !== p.joined || next.focused !== p.focused || next.tab !== p.tab
			|| state !== this.state;
	}

	render({ model, c, e, joined, focused, tab }, { whole }) {
		this.drawn = e.version;
		const own = e.deleted || e.kind === 'topic' || e.kind === 'unknown';
		const kind = `${joined ? 'joined' : ''} ${e.mine ? 'mine' : ''} ${e.mention ? 'named' : ''} ${own ? 'own' : ''} ${e.kind === 'action' ? 'action' : ''} ${focused ? 'found' : ''}`;
		return html`<li class="message ${kind}" data-id=${e.id} tabindex=${tab ? 0 : -1} onKeyDown=${(ev) => this.key(ev)}>
			${e.gap && html`<p class="gap">Something said before this is missing.</p>`}
			${joined ? html`<time class="side" datetime=${e.time.toISOString()} title=${full(e.time)}>${clock(e.time)}</time>` : html`<${Face} model=${model} peer=${e.author} nick=${e.nick} />`}
			<div class="body">
				${joined ? html`<span class="said"><${Name} model=${model} peer=${e.author} nick=${e.nick} /> </span>` : html`<p class="by"><button type="button" class="link" tabindex="-1" onClick=${() => this.who()}><${Name} model=${model} peer=${e.author} nick=${e.nick} /></button>
					<time datetime=${e.time.toISOString()} title=${full(e.time)}>${clock(e.time)}</time></p>`}
				${e.kind === 'reply' && !e.deleted && html`<${Quote} model=${model} c=${c} id=${e.replyTo} />`}
				<div class="text"><${Words} e=${e} whole=${whole} more=${() => this.setState({ whole: true })} /><${Marks} e=${e} c=${c} show=${() => model.open({ kind: 'details', ref: c.ref, id: e.id })} /></div>
				${e.reactions.length > 0 && html`<${Reactions} model=${model} c=${c} e=${e} />`}
			</div>
			${!own && c.ours && html`<div class="tools" role="toolbar" aria-label="This message">
				<${IconButton} tabindex="-1" icon="react" label="React" onClick=${() => this.act('+')} />
				<${IconButton} tabindex="-1" icon="reply" label="Answer" onClick=${() => this.act('r')} />
				${e.mine && html`<${IconButton} tabindex="-1" icon="edit" label="Change" onClick=${() => this.act('e')} /><${IconButton} tabindex="-1" icon="remove" label="Delete" onClick=${() => this.act('d')} />`}
				<${IconButton} tabindex="-1" icon="info" label="Details" onClick=${() => this.act('enter')} /></div>`}
		</li>`;
	}

	who() {
		const { model, e } = this.props;
		if (e.mine) model.open({ kind: 'settings' });
		else model.open({ kind: 'person', peer: e.author });
	}

	key(ev) {
		if (ev.target !== ev.currentTarget || ev.ctrlKey || ev.metaKey || ev.altKey) return;
		if (this.act(ev.key.toLowerCase())) ev.preventDefault();
	}

	act(key) {
		const { model, c, e } = this.props;
		const can = c.ours && !e.deleted && e.kind !== 'topic' && e.kind !== 'unknown';
		switch (key) {
		case 'enter': model.open({ kind: 'details', ref: c.ref, id: e.id }); return true;
		case '+': if (can) model.open({ kind: 'react', ref: c.ref, id: e.id }); return can;
		case 'r': if (can) model.compose?.({ kind: 'reply', id: e.id }); return can;
		case 'e': if (can && e.mine) model.compose?.({ kind: 'edit', id: e.id }); return can && e.mine;
		case 'd': if (can && e.mine) model.open({ kind: 'delete', ref: c.ref, id: e.id }); return can && e.mine;
		}
		return false;
	}
}

// plainWords is what a message says, on one line.
export function plainWords(e) {
	if (e.deleted) return '(deleted)';
	if (e.kind === 'unknown') return '(made by a newer version of p2pchat)';
	if (e.kind === 'topic') return e.text ? `set the topic: ${e.text.slice(0, maxTopic)}${e.text.length > maxTopic ? ' …' : ''}` : 'cleared the topic';
	return e.text;
}

// Words are what a message says: text, and links in it, and nothing else.
function Words({ e, whole, more }) {
	if (e.deleted || e.kind === 'topic' || e.kind === 'unknown') return html`<span class="theirs">${plainWords(e)}</span>`;
	const short = whole ? e.text : fold(e.text);
	return html`<span class="theirs" dir="auto">${links(short).map((part) => typeof part === 'string' ? part
		: html`<a href=${part.href} target="_blank" rel="noopener noreferrer nofollow" >${part.text}${part.host && ` (${part.host})`}</a>`)}</span>
		${short.length < e.text.length && html`… <button type="button" class="link" onClick=${more}>Show all ${e.text.length.toLocaleString()} characters</button>`}`;
}

// fold cuts a text that is long, or has many lines, and no character in two.
function fold(text) {
	let end = Math.min(text.length, shownChars);
	let at = -1;
	for (let n = 0; n < shownLines; n++) {
		at = text.indexOf('\n', at + 1);
		if (at < 0) break;
	}
	if (at >= 0) end = Math.min(end, at);
	if (end >= text.length) return text;
	const cut = text.charCodeAt(end - 1);
	return text.slice(0, cut >= 0xd800 && cut < 0xdc00 ? end - 1 : end);
}

// Quote is the beginning of what is answered.
function Quote({ model, c, id }) {
	const e = c.timeline.byID.get(id);
	return html`<button type="button" class="quote" tabindex="-1" onClick=${() => model.jump(c.ref, id)}><${Icon} name="reply" />
		${e ? html`<${Name} model=${model} peer=${e.author} nick=${e.nick} /><bdi class="theirs">${plainWords(e).slice(0, quoted)}</bdi>` : html`<span>an earlier message</span>`}</button>`;
}

// Marks say that a message was changed, and how far an own one got.
function Marks({ e, c, show }) {
	const d = deliveryWords(e, c);
	return html`${e.edited && html`<span class="mark"> (edited)</span>`}${d && html`<button type="button" tabindex="-1" class="mark delivery ${d.level}" onClick=${show} title=${d.long}>
		<${Icon} name=${d.icon} />${d.short}<span class="said">: ${d.long}</span></button>`}`;
}

// deliveryWords are how far an own message got.
export function deliveryWords(e, c) {
	const d = e.delivery;
	if (!e.mine || e.deleted || !d) return null;
	switch (d.state) {
	case 'queued': return { level: 'warn', icon: 'clock', short: 'queued', long: 'nobody has it yet; it goes out by itself' };
	case 'sent': return { level: '', icon: 'check', short: 'sent', long: d.reached ? `handed to ${d.reached} so far` : 'handed to others' };
	case 'held': return c.room && !d.members ? { level: 'good', icon: 'check', short: 'held', long: 'others said that they hold it' } // of an earlier run
		: c.room ? { level: 'good', icon: 'check', short: `held ${d.held_by}/${d.members}`, long: `${d.held_by} of ${d.members} say that they hold it` }
		: { level: 'good', icon: 'check', short: 'held', long: 'the other side holds it' };
	case 'read': return { level: 'good', icon: 'check', short: 'read', long: 'the other side has seen it' };
	case 'failed': return { level: 'bad', icon: 'close', short: 'failed', long: d.reason || 'it will not go out' };
	}
	return null;
}

function Reactions({ model, c, e }) {
	const shown = e.reactions.slice(0, maxReactions);
	return html`<ul class="reactions" aria-label="Reactions">${shown.map((r) => {
		const ours = r.by.includes(model.self.peer);
		const who = r.by.slice(0, 20).map((p) => p === model.self.peer ? 'you' : model.names.text(p)).join(', ');
		return html`<li key=${r.text}><button type="button" tabindex="-1" class="reaction" disabled=${!c.ours} aria-pressed=${ours ? 'true' : 'false'} title=${who}
			onClick=${() => model.say(c.ref, { react: e.id, text: ours ? '' : r.text })}><bdi>${Array.from(r.text).slice(0, 16).join('')}</bdi> <span>${r.by.length}</span><span class="said"> by ${who}</span></button></li>`;
	})}${e.reactions.length > maxReactions && html`<li class="mark">and ${e.reactions.length - maxReactions} more</li>`}</ul>`;
}

// Unsaid is what the node has not accepted yet.
export function Unsaid({ model, item, failed }) {
	const edit = () => {
		model.outbox.drop(item);
		model.compose?.({ kind: 'text', text: item.body.text });
	};
	return html`<li class="message mine unsaid"><span></span><div class="body"><div class="text"><span class="theirs" dir="auto">${item.body.text.slice(0, shownChars)}</span>
		${failed ? html`<p class="mark bad" role="alert">Not accepted: ${failed}</p><p class="row"><button type="button" onClick=${() => model.outbox.retry(item)}>Try again</button>
			<button type="button" onClick=${edit}>Change it</button><button type="button" onClick=${() => model.outbox.drop(item)}>Discard</button></p>`
			: html`<span class="mark"> <${Icon} name="clock" />${model.link.state === 'live' ? 'sending …' : 'waits for the node'}</span>`}</div></div></li>`;
}
