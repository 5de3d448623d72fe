// The whole page.
import { html, Component } from '../../shared/html.js';
import { Icon } from './icons.js';
import { Sidebar } from './sidebar.js';
import { Header } from './header.js';
import { Messages } from './messages.js';
import { Composer } from './composer.js';
import { Members } from './members.js';
import { Network } from './network.js';
import { Welcome } from './welcome.js';
import { Dialogs } from './dialogs.js';

export class App extends Component {
	render({ model }) {
		const { link } = model;
		if (link.state === 'refused') return html`<${Refused} />`;
		const c = model.current;
		const main = model.view === 'network' || c;
		const skips = model.view === 'chat' && c?.ours;
		return html`<main class="app ${main ? 'in-main' : 'in-list'} ${model.showMembers === false ? 'no-members' : ''} ${model.showMembers ? 'members-open' : ''}">
			${skips && html`<a class="skip button" href="#input" onClick=${skip}>To the message input</a>`}
			<${Sidebar} model=${model} />
			<section class="main" aria-label=${model.view === 'network' ? 'Network' : c ? model.title(c) : 'Welcome'}>
				<${Banner} link=${link} waiting=${model.outbox.items.length} />
				${model.view === 'network' ? html`<${Network} model=${model} />`
					: c ? html`<${Header} model=${model} c=${c} /><div class="talk"><div class="column"><${Messages} key=${c.ref} model=${model} c=${c} /><${Composer} key=${`in ${c.ref}`} model=${model} c=${c} /></div>
						${c.room && c.ours && html`<${Members} model=${model} c=${c} version=${c.membersVersion} names=${model.names.version} />`}</div>`
					: html`<${Welcome} model=${model} />`}
			</section>
			<div class="toasts" role="status">${model.toasts.map((t) => html`<p class="toast ${t.bad ? 'bad' : ''}">${t.text}</p>`)}</div>
			<div class="said" aria-live="polite">${model.spoken}</div>
			<${Dialogs} model=${model} />
		</main>`;
	}
}

function skip(ev) {
	ev.preventDefault();
	document.getElementById('input')?.focus();
}

const states = {
	starting: ['Looking for the node …', ''],
	gone: ['The node is gone. Waiting for it …', 'What you write is kept, and goes out when it is back.'],
	silent: ['The node does not answer. Is its process suspended?', 'What you write is kept, and goes out when it is back.'],
	lost: ['The program behind this page has ended.', 'Start it again with “p2pchat gui”: it opens a page of its own. Copy from here what you want to keep.'],
	stale: ['This page belongs to a p2pchat gui that has ended.', 'Another runs: open its address. Copy from here what you want to keep.'],
	full: ['This page is open in too many tabs.', 'Close one of them; this one then goes on.'],
};

// Banner says that there is no node, above everything else.
function Banner({ link, waiting }) {
	const words = states[link.state];
	if (!words) return html`<div role="alert"></div>`;
	return html`<div role="alert"><p class="banner ${link.state}"><strong>${words[0]}</strong> ${words[1]}${waiting > 0 && ` ${waiting} not sent yet.`}</p></div>`;
}

function Refused() {
	return html`<main class="first" aria-label="p2pchat"><h1>p2pchat</h1>
		<p><${Icon} name="info" /> This address alone does not open the chat: it belongs to a page that has ended, or lacks the part after the <code>#</code>.</p>
		<p>Run <code>p2pchat gui</code> in a terminal. It opens the page, or prints the whole address.</p></main>`;
}
