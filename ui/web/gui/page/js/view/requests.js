// Unknown people who wrote first.
import { html } from '../../shared/html.js';
import { go } from '../keys.js';
import { Dialog } from './dialog.js';
import { Face, Name } from './name.js';
import { since } from './times.js';

export function Requests({ model, close }) {
	const answer = (q, word) => model.attempt(async () => {
		await model.api.command('POST', `/v1/requests/${q.peer}`, { answer: word });
		await Promise.all([model.loading.requests(), model.loading.contacts(), model.loading.list()]);
		if (word === 'accept') {
			close();
			model.conv(q.peer).request = false;
			go(model, q.peer);
		} else if (!model.requests.length) {
			close();
		}
	});
	return html`<${Dialog} title="Requests" close=${close}>
		<p class="dim">These people are not among your contacts. They do not learn that you read this.</p>
		<ul class="stack">${model.requests.map((q) => html`<li key=${q.peer} class="card"><div class="row who"><${Face} model=${model} peer=${q.peer} nick=${q.nick} /><div><p class="title"><${Name} model=${model} peer=${q.peer} nick=${q.nick} /></p>
			<p class="dim">${q.count === 1 ? 'one message' : `${q.count} messages`}, first ${since(q.first)} ago</p></div></div>
			<blockquote class="theirs">${q.text.slice(0, 500)}</blockquote>
			<p class="row end"><button type="button" class="danger" onClick=${() => answer(q, 'block')}>Block</button><button type="button" onClick=${() => answer(q, 'ignore')}>Ignore</button>
			<button type="button" class="main" onClick=${() => answer(q, 'accept')}>Accept</button></p></li>`)}</ul>
		${!model.requests.length && html`<p>Nobody waits for an answer.</p>`}<//>`;
}
