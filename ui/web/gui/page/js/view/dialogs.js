// Which window is open, and the small ones.
import { html, Component } from '../../shared/html.js';
import { allKeys, go } from '../keys.js';
import { Dialog } from './dialog.js';
import { Face, Name } from './name.js';
import { Join } from './join.js';
import { Person, Contacts } from './people.js';
import { Requests } from './requests.js';
import { Invite } from './invite.js';
import { Search } from './search.js';
import { Settings } from './settings.js';
import { Details } from './details.js';

const quick = ['👍', '❤️', '😂', '🎉', '😮', '😢', '🙏', '👀'];
// maxReaction is the longest reaction that is offered, in characters.
const maxReaction = 16;

export function Dialogs({ model }) {
	const d = model.dialog;
	const Window = d && windows[d.kind];
	return Window ? html`<${Window} key=${`${d.kind} ${d.peer ?? ''}`} model=${model} d=${d} close=${() => model.open(null)} />` : null;
}

function Help({ close }) {
	return html`<${Dialog} title="Keys" close=${close}><dl class="keys">${allKeys.map(([k, what]) => html`<dt><kbd>${k}</kbd></dt><dd>${what}</dd>`)}</dl>
		<p><code>/me</code> <code>/topic</code> <code>/join</code> <code>/dial</code> <code>/leave</code> are commands; <code>//</code> begins a text with a slash.</p>
		<p>Your messages: <b>queued</b> nobody has it yet, <b>sent</b> handed to others, <b>held 2/5</b> two of five say that they hold it, <b>read</b> seen in private, <b>failed</b>.</p><//>`;
}

function Leave({ model, d, close }) {
	const c = model.conv(d.ref);
	const leave = () => {
		close();
		model.attempt(() => model.leave(c));
	};
	return html`<${Dialog} title=${c.room ? 'Leave the room?' : 'Close the conversation?'} close=${close}>
		<p>${c.room ? html`You leave <b>#<bdi>${c.ref}</bdi></b>.` : 'You are not reached here any more until you open it again.'} What was said stays on this machine.</p>
		<p class="row end"><button type="button" onClick=${close}>Stay</button><button type="button" class="main" autofocus onClick=${leave}>${c.room ? 'Leave' : 'Close it'}</button></p><//>`;
}

function Delete({ model, d, close }) {
	const e = model.conv(d.ref).timeline.byID.get(d.id);
	return html`<${Dialog} title="Delete this message?" close=${close}><blockquote class="theirs">${e?.text.slice(0, 300)}</blockquote>
		<p>Others are asked to show it no more. Who has read it, has read it.</p>
		<p class="row end"><button type="button" onClick=${close}>Keep it</button><button type="button" class="main danger" autofocus onClick=${() => { close(); model.say(d.ref, { delete: d.id }); }}>Delete</button></p><//>`;
}

class React extends Component {
	render({ model, d, close }, { text = '' }) {
		const react = (t) => {
			close();
			if (t) model.say(d.ref, { react: d.id, text: t });
		};
		return html`<${Dialog} title="React" close=${close}><p class="row pick">${quick.map((t) => html`<button type="button" class="plain big" onClick=${() => react(t)}>${t}</button>`)}</p>
			<form class="row" onSubmit=${(ev) => { ev.preventDefault(); react(text.trim()); }}><input aria-label="Another reaction" placeholder="or a word" maxlength=${maxReaction} value=${text} onInput=${(ev) => this.setState({ text: ev.currentTarget.value })} />
			<button type="submit" disabled=${!text.trim()}>React</button></form><//>`;
	}
}

class Topic extends Component {
	render({ model, d, close }, { text = model.conv(d.ref).topic }) {
		return html`<${Dialog} title="Topic" close=${close}><form class="stack" onSubmit=${(ev) => { ev.preventDefault(); close(); model.say(d.ref, { topic: text.trim() }); }}>
			<label>What <b>#<bdi>${d.ref}</bdi></b> is about<input value=${text} maxlength="300" onInput=${(ev) => this.setState({ text: ev.currentTarget.value })} /></label>
			<p class="row end"><button type="button" onClick=${close}>Cancel</button><button type="submit" class="main">Set</button></p></form><//>`;
	}
}

// Switch goes to a conversation by a few letters of its name.
class Switch extends Component {
	render({ model, close }, { text = '', at = 0 }) {
		const want = text.trim().toLowerCase();
		const found = model.sorted().filter((c) => model.title(c).toLowerCase().includes(want)).slice(0, 12);
		const pick = (c) => {
			close();
			if (c) go(model, c.ref);
			else if (want) model.open({ kind: 'join', text: text.trim() });
		};
		const key = (ev) => {
			if (ev.key === 'ArrowDown') this.setState({ at: Math.min(at + 1, found.length - 1) });
			else if (ev.key === 'ArrowUp') this.setState({ at: Math.max(at - 1, 0) });
			else if (ev.key === 'Enter') pick(found[at]);
			else return;
			ev.preventDefault();
		};
		return html`<${Dialog} title="Go to" close=${close}><input role="combobox" aria-label="Conversation" aria-expanded="true" aria-controls="found" aria-activedescendant=${found[at] ? `found-${at}` : null} placeholder="a room or a name" value=${text}
			onInput=${(ev) => this.setState({ text: ev.currentTarget.value, at: 0 })} onKeyDown=${key} autofocus />
			<ul id="found" role="listbox" aria-label="Found" class="picks">${found.map((c, i) => html`<li key=${c.ref} id="found-${i}" role="option" aria-selected=${i === at ? 'true' : 'false'} onClick=${() => pick(c)}>
				<${Face} model=${model} peer=${c.room ? null : c.ref} nick=${c.name} room=${c.room ? c.ref : null} /><span class="title">${c.room ? html`<bdi>${c.ref}</bdi>` : html`<${Name} model=${model} peer=${c.ref} nick=${c.name} />`}</span>${c.unread > 0 && html`<span class="count">${c.unread}</span>`}</li>`)}</ul>
			${!found.length && html`<p class="dim">Nothing is called so. Enter begins a conversation.</p>`}<//>`;
	}
}

// AskName is the first question.
class AskName extends Component {
	render({ model, close }, { text = model.info.default_name ?? '', error }) {
		const set = async (ev) => {
			ev.preventDefault();
			const fault = await model.rename(text);
			if (fault) this.setState({ error: fault });
			else close();
		};
		return html`<${Dialog} title="What shall others call you?" close=${close}><form class="stack" onSubmit=${set}>
			<label>Your name<input value=${text} maxlength="32" autocomplete="nickname" onInput=${(ev) => this.setState({ text: ev.currentTarget.value })} /></label>
			${error && html`<p class="mark bad" role="alert">${error}</p>`}
			<p class="dim">Anybody may use any name. What proves who you are is your key, which stays on this machine.</p>
			<p class="row end"><button type="submit" class="main" disabled=${!text.trim()}>That is me</button></p></form><//>`;
	}
}

const windows = {
	join: Join, person: Person, contacts: Contacts, requests: Requests, invite: Invite, search: Search, settings: Settings, details: Details,
	help: Help, leave: Leave, delete: Delete, react: React, topic: Topic, switch: Switch, name: AskName,
};
