// People: what one knows of them, and whether they are who they say.
import { html, Component } from '../../shared/html.js';
import { go } from '../keys.js';
import { Dialog } from './dialog.js';
import { Code } from './invite.js';
import { Face, Name, copy } from './name.js';

// put says something about a peer, and learns what holds now.
async function put(model, peer, body) {
	await model.attempt(async () => {
		await model.api.command('PUT', `/v1/contacts/${peer}`, body);
		await Promise.all([model.loading.contacts(), model.loading.requests()]);
	});
}

export class Person extends Component {
	async componentDidMount() {
		const { model, d } = this.props;
		const p = await model.attempt(() => model.api.get(`/page/person/${encodeURIComponent(d.peer)}`));
		if (p) this.setState({ theirs: p.fingerprint });
	}

	render({ model, d, close }, { theirs, name }) {
		const k = model.contacts.get(d.peer) ?? {};
		const given = name ?? k.name ?? '';
		const nick = model.names.nicks.get(d.peer);
		const save = async (ev) => {
			ev.preventDefault();
			await put(model, d.peer, { name: given.trim() });
			this.setState({ name: undefined });
		};
		const talk = () => {
			close();
			model.attempt(() => model.enter({ peer: d.peer }));
		};
		const forget = () => model.attempt(async () => {
			await model.api.command('DELETE', `/v1/contacts/${d.peer}`);
			await model.loading.contacts();
			close();
		});
		return html`<${Dialog} title="Person" close=${close}><div class="row who"><${Face} model=${model} peer=${d.peer} nick=${nick} /><div><p class="title"><${Name} model=${model} peer=${d.peer} nick=${nick} /></p>
			${nick && k.name && html`<p class="dim">calls itself <bdi>${nick}</bdi></p>`}</div><span class="grow"></span>
			${!k.blocked && html`<button type="button" class="main" onClick=${talk}>Talk in private</button>`}</div>
			<form class="row" onSubmit=${save}><label class="grow">Your name for this person<input value=${given} maxlength="32" onInput=${(ev) => this.setState({ name: ev.currentTarget.value })} /></label>
				<button type="submit" class="low" disabled=${!given.trim() || given.trim() === (k.name ?? '')}>Save</button></form>
			<section class="stack" aria-label="Fingerprints"><h3>Is it really this person?</h3>
				<p class="dim">Compare these numbers with what the other sees, by voice or side by side. A name proves nothing.</p>
				<p>Theirs: <code class="print">${theirs ?? '…'}</code></p><p>Yours: <code class="print">${model.self.fingerprint}</code></p>
				<p><button type="button" aria-pressed=${k.verified ? 'true' : 'false'} onClick=${() => put(model, d.peer, { verified: !k.verified })}>${k.verified ? 'Verified: the numbers matched' : 'The numbers match'}</button></p></section>
			<p class="row"><code class="id">${d.peer}</code><button type="button" onClick=${() => copy(model, d.peer, 'Peer ID')}>Copy ID</button></p>
			<p class="row end">${k.peer && !k.blocked && html`<button type="button" onClick=${forget}>Forget the contact</button>`}
				<button type="button" class="danger" aria-pressed=${k.blocked ? 'true' : 'false'} onClick=${() => put(model, d.peer, { blocked: !k.blocked })}>${k.blocked ? 'Unblock' : 'Block'}</button></p><//>`;
	}
}

export class Contacts extends Component {
	async componentDidMount() {
		const { model } = this.props;
		model.loading.contacts().catch(() => {});
		const got = await model.api.get('/v1/invite').catch(() => null);
		if (got) this.setState({ invite: got.invite });
	}

	render({ model, close }, { invite }) {
		const all = [...model.contacts.values()].sort((a, b) => Boolean(a.blocked) - Boolean(b.blocked) || (a.name || '~').localeCompare(b.name || '~'));
		return html`<${Dialog} title="Contacts" close=${close}>
			<ul class="picks">${all.map((k) => html`<li key=${k.peer}><button type="button" class="plain person" onClick=${() => model.open({ kind: 'person', peer: k.peer })}>
				<${Face} model=${model} peer=${k.peer} online=${model.online.has(k.peer)} /><span class="what"><${Name} model=${model} peer=${k.peer} /><span class="last">${k.blocked ? 'blocked' : k.ignored ? 'ignored' : k.verified ? 'verified' : k.name ? 'not verified yet' : 'accepted'}</span></span></button>
				${!k.blocked && html`<button type="button" onClick=${() => { close(); if (model.convs.get(k.peer)?.ours) go(model, k.peer); else model.attempt(() => model.enter({ peer: k.peer })); }}>Talk</button>`}</li>`)}</ul>
			${!all.length && html`<p class="dim">Nobody yet. Open a person from a room, and give a name of your own.</p>`}
			<section class="stack" aria-label="You"><h3>You</h3><p>Your fingerprint: <code class="print">${model.self.fingerprint}</code></p>
				${invite && html`<${Code} model=${model} text=${invite} label="QR code of your invite" /><p class="dim">Who scans this finds you.</p>`}</section><//>`;
	}
}
