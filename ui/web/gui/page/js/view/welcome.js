// What is shown before there is any conversation: how to begin.
import { html, Component } from '../../shared/html.js';
import { Code } from './invite.js';
import { copy } from './name.js';
import { guesses } from './join.js';

export class Welcome extends Component {
	componentDidMount() {
		this.look();
	}

	componentDidUpdate() {
		this.look();
	}

	async look() {
		const { model } = this.props;
		if (this.asked || model.link.state !== 'live' || !model.self.peer) return;
		this.asked = true;
		const got = await model.api.get('/v1/invite').catch(() => null);
		if (got) this.setState({ invite: got.invite });
	}

	render({ model }, { text = '', invite }) {
		const all = guesses(model, text || 'lobby');
		const join = (ev) => {
			ev.preventDefault();
			if (all.length) model.attempt(() => model.enter(all[0].body));
		};
		const seeds = model.status?.network?.seeds ?? [];
		return html`<div class="welcome"><h2>${model.self.name ? html`Welcome, <bdi>${model.self.name}</bdi>.` : 'Welcome.'}</h2>
			<p>This is a chat without a server: what you write goes straight to the people you write to.</p>
			<form class="row" onSubmit=${join}><label class="grow">Join a room, or open an invite<input value=${text} placeholder="lobby" spellcheck="false" autocapitalize="none" onInput=${(ev) => this.setState({ text: ev.currentTarget.value })} /></label>
				<button type="submit" class="main low" disabled=${model.link.state !== 'live'}>${all[0]?.body.room ? 'Join' : 'Open'}</button></form>
			${invite && html`<section class="stack" aria-label="Your invite"><h3>Give this line to a friend</h3><textarea class="copy" readonly rows="3" aria-label="The line to give away" value=${`p2pchat dial ${invite}`}></textarea>
				<p class="row"><button type="button" onClick=${() => copy(model, `p2pchat dial ${invite}`, 'The line')}>Copy</button></p><${Code} model=${model} text=${invite} label="QR code of your invite" /></section>`}
			<section class="stack" aria-label="Network"><h3>How you find others</h3>
				${seeds.length ? html`<ul class="plainlist">${seeds.map((s) => html`<li key=${s.peer}><span class="lamp ${s.connected ? 'good' : 'warn'}"></span> seed …${s.peer.slice(-6)}: ${s.connected ? 'connected' : `no answer${s.last_error ? ` (${s.last_error})` : ''}`}</li>`)}</ul>`
					: html`<p class="dim">No seed is set. You find people on your local network, people you met before, and whoever gives you an invite.</p>`}</section></div>`;
	}
}
