// Keys that work everywhere on the page. Those of the timeline and of the input
// are with their views.

// onKey acts on a key.
export function onKey(model, ev) {
	if (model.link.state === 'refused' || model.dialog || ev.defaultPrevented || ev.isComposing) return;
	const ctrl = ev.ctrlKey || ev.metaKey;
	const act = actions(model, ev, ctrl);
	if (!act) return;
	ev.preventDefault();
	act();
}

function actions(model, ev, ctrl) {
	const key = ev.key.toLowerCase();
	if (ctrl && !ev.altKey && !ev.shiftKey && key === 'k') return () => model.open({ kind: 'switch' });
	if (ctrl && !ev.altKey && ev.shiftKey && key === 'f') return () => model.open({ kind: 'search' });
	if (ev.altKey && !ctrl) {
		if (key === 'arrowup') return () => step(model, -1);
		if (key === 'arrowdown') return () => step(model, 1);
		if (key === 'a') return () => active(model);
	}
	if (ev.key === 'F1') return () => model.open({ kind: 'help' });
	if (ev.key === 'Escape' && model.view !== 'chat') return () => toChat(model);
	return null;
}

// step turns to the next conversation of the list.
function step(model, by) {
	const all = model.sorted();
	if (!all.length) return;
	const i = all.findIndex((c) => c.ref === model.cur);
	model.select(all[(i + by + all.length) % all.length].ref);
}

// active turns to where something unread is, first where the person is meant.
function active(model) {
	const all = model.sorted().filter((c) => c.unread && c.ref !== model.cur);
	const best = all.find((c) => !c.room || c.mentions) ?? all[0];
	if (best) model.select(best.ref);
	else model.toast('nothing is unread');
}

// toChat and toNetwork turn to a view; the browser's back button comes back.
export function toChat(model, ref) {
	if (location.pathname !== '/') history.pushState({ conversation: ref ?? model.cur }, '', '/');
	if (ref !== undefined) go(model, ref);
	else model.show('chat');
}

export function toNetwork(model) {
	if (location.pathname !== '/network') history.pushState({}, '', '/network');
	model.show('network');
}

// go turns to a conversation, or on a phone, with '', to the list.
export function go(model, ref) {
	if (location.pathname !== '/') history.pushState({ conversation: ref }, '', '/');
	else if (ref && !model.cur) history.pushState({ conversation: ref }, '');
	else history.replaceState({ conversation: ref }, '');
	model.select(ref);
}

// allKeys are for people.
export const allKeys = [
	['Ctrl+K', 'go to a conversation'],
	['Alt+Up, Alt+Down', 'the conversation above, below'],
	['Alt+A', 'the next with something unread'],
	['Ctrl+Shift+F', 'search'],
	['Enter', 'send; Shift+Enter: a new line'],
	['Up, in an empty input', 'change the last message of yours'],
	['Tab, in the input', 'complete a name'],
	['Esc', 'take back an answer or a change; close a window'],
	['Up, Down, in the messages', 'the message above, below; Home, End: the first, the last'],
	['R, E, D, +, Enter, on a message', 'answer, change, delete, react, details'],
	['F1', 'these keys'],
];
