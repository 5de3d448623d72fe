// What the person chooses.
import { html, Component } from '../../shared/html.js';
import { Dialog } from './dialog.js';
import { copy } from './name.js';

export class Settings extends Component {
	render({ model, close }, { name, error, saved }) {
		const text = name ?? model.self.name;
		const rename = async (ev) => {
			ev.preventDefault();
			const fault = await model.rename(text);
			this.setState({ error: fault, saved: !fault, name: fault ? text : undefined });
		};
		const theme = model.kept.choice('theme', 'system');
		const notify = model.notifier.kind;
		return html`<${Dialog} title="Settings" close=${close}>
			<form class="row" onSubmit=${rename}><label class="grow">Your name<input value=${text} maxlength="32" autocomplete="nickname" onInput=${(ev) => this.setState({ name: ev.currentTarget.value, saved: false })} /></label>
				<button type="submit" class="low" disabled=${!text.trim() || text === model.self.name}>Save</button></form>
			${error && html`<p class="mark bad" role="alert">${error}</p>`}${saved && html`<p class="dim" role="status">You are called so now.</p>`}
			<${Choice} label="Colours" value=${theme} options=${[['system', 'as the system has it'], ['light', 'light'], ['dark', 'dark']]} choose=${(v) => { model.setTheme(v); this.setState({}); }} />
			<${Choice} label="Notifications of the desktop" value=${notify} options=${[['off', 'none'], ['mine', 'private messages, and where I am named'], ['all', 'all messages']]}
				choose=${async (v) => { await model.notifier.choose(v); this.setState({}); }} disabled=${!model.notifier.possible} />
			${!model.notifier.possible && html`<p class="dim">The browser does not allow notifications of this page.</p>`}
			<section class="stack" aria-label="You"><h3>You</h3><p>Your fingerprint: <code class="print">${model.self.fingerprint}</code></p>
				<p class="row"><code class="id">${model.self.peer}</code><button type="button" onClick=${() => copy(model, model.self.peer, 'Peer ID')}>Copy ID</button></p>
				<p class="row"><button type="button" onClick=${() => model.open({ kind: 'invite', ref: '' })}>Your invite</button><button type="button" onClick=${() => model.open({ kind: 'help' })}>Keys</button></p>
				<p class="dim">p2pchat ${model.info.version}</p></section><//>`;
	}
}

function Choice({ label, value, options, choose, disabled }) {
	return html`<label class="stack">${label}<select value=${value} disabled=${disabled} onChange=${(ev) => choose(ev.currentTarget.value)}>${options.map(([v, words]) => html`<option value=${v} selected=${v === value}>${words}</option>`)}</select></label>`;
}
