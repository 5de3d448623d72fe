// What the tab keeps over a reload: drafts, what was not accepted yet, which
// conversation was shown. And what the browser keeps: the person's choices.
// Storage may be refused or full; then it is forgotten.

const maxDrafts = 100;

function read(store, name, otherwise) {
	try {
		return JSON.parse(store.getItem(name)) ?? otherwise;
	} catch {
		return otherwise;
	}
}

function write(store, name, value) {
	try {
		store.setItem(name, JSON.stringify(value));
	} catch {
		// it stays on the page
	}
}

// takeToken is the token: of the address, which then has it no more, or of this
// tab before it was loaded again.
export function takeToken() {
	const found = /^#token=([\w-]+)$/.exec(location.hash);
	if (found) {
		write(sessionStorage, 'token', found[1]);
		history.replaceState(history.state, '', location.pathname);
	}
	return read(sessionStorage, 'token', '');
}

export class Kept {
	constructor() {
		this.drafts = new Map(Object.entries(read(sessionStorage, 'drafts', {})));
	}

	get(name, otherwise) {
		return read(sessionStorage, name, otherwise);
	}

	set(name, value) {
		write(sessionStorage, name, value);
	}

	// draft is what is written and not sent in a conversation: { text, mode }.
	draft(ref) {
		return this.drafts.get(ref) ?? { text: '', mode: null };
	}

	setDraft(ref, draft) {
		this.drafts.delete(ref);
		if (draft.text || draft.mode) this.drafts.set(ref, draft);
		if (this.drafts.size > maxDrafts) this.drafts.delete(this.drafts.keys().next().value);
		write(sessionStorage, 'drafts', Object.fromEntries(this.drafts));
	}

	choice(name, otherwise) {
		return read(localStorage, name, otherwise);
	}

	choose(name, value) {
		write(localStorage, name, value);
	}
}
