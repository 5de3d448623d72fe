// What the person said and no node has accepted yet. It is kept over a reload,
// goes out in the order it was written, and acts once: each has a key of its own,
// which one node takes once; when another node runs, its history is asked first.
import { at, newKey } from './api.js';

// slack is how far the clocks of page and node may differ, in milliseconds.
const slack = 5000;
const maxWaiting = 500;

export class Outbox {
	// accepted(item, id) and changed() tell what becomes of things.
	constructor(api, kept, { accepted, changed }) {
		Object.assign(this, { api, kept, accepted, changed, items: kept.get('outbox', []), known: new Set(), busy: new Set(), ready: false });
	}

	// say puts something into the box. body is that of the request.
	say(ref, body) {
		if (this.items.length >= maxWaiting) return false;
		this.items.push({ key: newKey(), ref, body, at: Date.now(), run: '', failed: '' });
		this.save();
		this.flush(ref);
		return true;
	}

	in(ref) {
		return this.items.filter((i) => i.ref === ref);
	}

	drop(item) {
		this.items = this.items.filter((i) => i !== item);
		this.save();
	}

	retry(item) {
		Object.assign(item, { failed: '', run: '', key: newKey(), at: Date.now() });
		this.save();
		this.flush(item.ref);
	}

	save() {
		this.kept.set('outbox', this.items);
		this.changed();
	}

	// seen takes note of an own message that the node told of.
	seen(key, id) {
		if (this.known.size > 5000) this.known.clear();
		this.known.add(id);
		const item = key && this.items.find((i) => i.key === key);
		if (item) this.done(item, id);
	}

	// refused takes note of one that the node could not store.
	refused(key, reason) {
		const item = this.items.find((i) => i.key === key);
		if (!item) return;
		item.failed = reason;
		this.save();
	}

	done(item, id) {
		if (!this.items.includes(item)) return;
		this.known.add(id);
		this.drop(item);
		this.accepted(item, id);
	}

	// open lets things go out, shut holds them back: there is a node and all that
	// was open is open there, or not.
	shut() {
		this.ready = false;
	}

	open() {
		this.ready = true;
		for (const ref of new Set(this.items.map((i) => i.ref))) this.flush(ref);
	}

	// flush sends what waits in a conversation, one after the other.
	async flush(ref) {
		if (!this.ready || this.busy.has(ref)) return;
		this.busy.add(ref);
		try {
			for (;;) {
				const item = this.items.find((i) => i.ref === ref && !i.failed);
				if (!item || !this.ready || !(await this.send(item))) return;
			}
		} finally {
			this.busy.delete(ref);
		}
	}

	// send tries once, and reports whether to go on.
	async send(item) {
		try {
			if (item.run && item.run !== this.api.run) {
				const id = await this.recall(item);
				if (id) {
					this.done(item, id);
					return true;
				}
			}
			item.run = this.api.run;
			this.kept.set('outbox', this.items);
			const sent = await this.api.command('POST', at(item.ref, '/messages'), { ...item.body, key: item.key }, item.key, item.run);
			if (sent.id) this.done(item, sent.id);
			else this.drop(item); // handed over; an event tells the rest
			return true;
		} catch (fault) {
			if (fault.gone || fault.code === 'bad-token') return false; // the stream says when to try again
			item.failed = fault.words;
			this.save();
			return true;
		}
	}

	// recall finds in the history what the node before may have stored. A new key
	// is needed then: the next node does not know the old one.
	async recall(item) {
		let q = `after=${encodeURIComponent(new Date(item.at - slack).toISOString())}`;
		for (let pages = 0; pages < 20; pages++) {
			const page = await this.api.get(at(item.ref, `/messages?raw=1&limit=1000&${q}`));
			const same = page.messages.find((m) => m.mine && !this.known.has(m.id) && sameBody(m, item.body));
			if (same) return same.id;
			if (!page.more || !page.messages.length) break;
			q = `after=${page.messages[page.messages.length - 1].id}`;
		}
		return '';
	}
}

function sameBody(m, b) {
	if ('topic' in b) return m.kind === 'topic' && m.text === b.topic;
	if ('delete' in b) return m.kind === 'delete' && m.target === b.delete;
	if ('edit' in b) return m.kind === 'edit' && m.target === b.edit && m.text === b.text;
	if ('react' in b) return m.kind === 'reaction' && m.target === b.react && m.text === b.text;
	if ('reply_to' in b) return m.kind === 'reply' && m.reply_to === b.reply_to && m.text === b.text;
	return (m.kind ?? '') === (b.action ? 'action' : '') && m.text === b.text;
}
