// Beginning a conversation: with a room, an invite, a peer ID, a contact, or who
// answers at an address.
import { html, Component } from '../../shared/html.js';
import { Dialog } from './dialog.js';

// guesses are what a text may mean, the likeliest first.
export function guesses(model, text) {
	const t = text.trim().replace(/^p2pchat\s+(join|dial)\s+/, '');
	if (!t) return [];
	if (/^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/.test(t)) return [{ words: 'Talk to this person', body: { peer: t } }];
	const multi = /^(\/.+)\/p2p\/(12D3KooW[1-9A-HJ-NP-Za-km-z]{44})$/.exec(t);
	if (multi) return [{ words: 'Talk to this person', body: { peer: multi[2], addrs: [multi[1]] } }];
	if (isInvite(t)) return [{ words: 'Accept the invite', body: { invite: t } }];
	const out = [];
	for (const k of model.contacts.values()) {
		if (k.name && k.name.toLowerCase() === t.replace(/^@/, '').toLowerCase()) out.push({ words: `Talk to your contact ${k.name}`, body: { peer: k.peer } });
	}
	if (/^(\[[0-9a-f:.]+\]|[\w.-]+):\d{1,5}$/i.test(t)) out.push({ words: `Talk to who answers at ${t}`, body: { at: t } });
	if (!t.startsWith('@') && !/\s/.test(t)) out.push({ words: `Join the room #${t.replace(/^#+/, '')}`, body: { room: t } });
	return out;
}

// isInvite reports whether a text is one: no room's name is so long.
function isInvite(t) {
	return /^p2pchat1/i.test(t) && t.length > 64;
}

export class Join extends Component {
	async go(body) {
		const { model, close } = this.props;
		this.setState({ busy: true, error: '' });
		try {
			await model.enter(body);
			close();
		} catch (fault) {
			this.setState({ busy: false, error: fault.words ?? String(fault), changed: fault.code === 'peer-changed' ? body : null });
		}
	}

	render({ model, d, close }, { text = d.text ?? '', busy, error, changed }) {
		const all = guesses(model, text);
		const submit = (ev) => {
			ev.preventDefault();
			if (all.length && !busy) this.go(all[0].body);
		};
		return html`<${Dialog} title="New conversation" close=${close}><form class="stack" onSubmit=${submit}>
			<label>A room, an invite, a peer ID, a contact, or host:port<input value=${text} spellcheck="false" autocapitalize="none" autocomplete="off" placeholder="lobby" onInput=${(ev) => this.setState({ text: ev.currentTarget.value, error: '', changed: null })} /></label>
			${error && html`<p class="mark bad" role="alert">${error}</p>`}
			${changed && html`<p><button type="button" class="danger" onClick=${() => this.go({ ...changed, new_key: true })}>It is a new installation: accept the new key</button></p>`}
			<p class="row">${busy ? html`<span class="dim">One moment …</span>` : all.map((g, i) => html`<button type=${i ? 'button' : 'submit'} class=${i ? '' : 'main'} onClick=${i ? () => this.go(g.body) : null}><bdi>${g.words}</bdi></button>`)}</p></form>
			<p class="dim">A room is open to whoever knows its name. To be found yourself, give somebody <button type="button" class="link" onClick=${() => model.open({ kind: 'invite', ref: '' })}>your invite</button>.</p><//>`;
	}
}
