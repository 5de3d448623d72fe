// The page begins here: token, node, model, views.
import { html, render } from '../shared/html.js';
import { Api, newKey } from './api.js';
import { Kept, takeToken } from './kept.js';
import { Model } from './model.js';
import { Stream } from './stream.js';
import { Notifier } from './notify.js';
import { onKey } from './keys.js';
import { App } from './view/app.js';

// maxTabs is how many tabs may follow the node at once: a browser opens six
// connections to one server, and some must be left for requests.
const maxTabs = 4;

const kept = new Kept();
const api = new Api(takeToken(), newKey());
const root = document.getElementById('app');
let waiting = false;

// draw draws everything, once for all changes before the next frame. A page that
// nobody sees has no frames.
function draw() {
	if (waiting) return;
	waiting = true;
	if (document.hidden) setTimeout(drawNow, 250);
	else requestAnimationFrame(drawNow);
}

function drawNow() {
	waiting = false;
	render(html`<${App} model=${model} />`, root);
	const unread = [...model.convs.values()].reduce((n, c) => n + (c.listed && (!c.room || c.mentions) ? c.unread : 0), 0);
	const at = model.view === 'network' ? 'network' : model.current ? model.title(model.current) : '';
	document.title = `${unread ? `(${unread}) ` : ''}${at ? `${at} – ` : ''}p2pchat`;
}

const notifier = new Notifier(kept);
const model = new Model(api, kept, { draw, notify: (...a) => notifier.came(...a) });
model.notifier = notifier;

const stream = new Stream(api, {
	heard: (name, ev) => model.heard(name, ev),
	opened: (run, resumed) => model.loading.begin(resumed).catch((fault) => lost(fault)),
	lost,
});

function lost(fault) {
	const refused = model.self.peer ? 'stale' : 'refused'; // what was written stays on the page
	const state = { 'bad-token': refused, 'no-page': 'lost', 'too-many': 'full', silent: 'silent' }[fault.code] ?? 'gone';
	model.link = { state, fault };
	model.outbox.shut();
	draw();
}

// theme is the person's choice, or else the system's.
export function theme(choice) {
	if (choice === 'light' || choice === 'dark') document.documentElement.dataset.theme = choice;
	else delete document.documentElement.dataset.theme;
}

// Tabs tell each other what was read.
const tabs = new BroadcastChannel('p2pchat');
tabs.onmessage = ({ data }) => {
	const c = model.convs.get(data?.read);
	if (!c || c.ref === model.cur && !document.hidden) return;
	Object.assign(c, { unread: 0, mentions: 0 });
	model.loading.listSoon();
	draw();
};
model.told = (words) => tabs.postMessage(words);

addEventListener('keydown', (ev) => onKey(model, ev));
addEventListener('focus', () => draw());
addEventListener('online', () => stream.hurry());
addEventListener('popstate', (ev) => {
	model.view = location.pathname.endsWith('/network') ? 'network' : 'chat';
	if (model.view === 'chat') model.select(ev.state?.conversation ?? '');
	draw();
});
document.addEventListener('visibilitychange', () => {
	if (document.hidden) return;
	stream.hurry();
	if (model.link.state === 'live') model.loading.listSoon();
	draw();
});
// What a dropped file or link would do is to leave the page.
addEventListener('dragover', (ev) => ev.preventDefault());
addEventListener('drop', (ev) => {
	if (!ev.target.closest?.('textarea, input')) ev.preventDefault();
});

// place waits for one of the places there are for tabs.
async function place() {
	if (!navigator.locks) return;
	for (let n = 0; n < maxTabs; n++) {
		if (await taken(`tab ${n}`)) return;
	}
	model.link = { state: 'full', fault: null };
	draw();
	await Promise.race(Array.from({ length: maxTabs }, (_, n) => new Promise((got) => {
		navigator.locks.request(`tab ${n}`, () => {
			got();
			return new Promise(() => {});
		});
	})));
}

function taken(name) {
	return new Promise((tell) => {
		navigator.locks.request(name, { ifAvailable: true }, (lock) => {
			tell(Boolean(lock));
			return lock ? new Promise(() => {}) : undefined; // held as long as the tab lives
		});
	});
}

theme(kept.choice('theme', 'system'));
model.setTheme = (choice) => {
	kept.choose('theme', choice);
	theme(choice);
	draw();
};
if (location.pathname.endsWith('/network')) model.view = 'network';
root.textContent = '';
draw();
if (api.token) place().then(() => stream.follow());
else lost({ code: 'bad-token' });
