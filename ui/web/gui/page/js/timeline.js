// A timeline is a window on the messages of one conversation, in their order. It
// holds a few hundred, however many there are: what is on the page stays small.
import { line, safe, mentions } from './safe.js';

// maxWindow is how many messages are held, and trimTo how many are left when
// there are more. pageSize is how many are asked for at once.
export const maxWindow = 300, trimTo = 240, pageSize = 80;
// maxChanges bounds what is remembered of the stream while a page is on its way.
const maxChanges = 5000;

const aboutOthers = ['edit', 'delete', 'reaction'];

// compare orders places: by clock, which are long decimal numbers, then by ID.
export function compare(a, b) {
	if (a.clock.length !== b.clock.length) return a.clock.length - b.clock.length;
	if (a.clock !== b.clock) return a.clock < b.clock ? -1 : 1;
	return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

function clockOf(m) {
	return m.clock ?? String(BigInt(Date.parse(m.time) || 0) << 16n);
}

// shownReaction is never empty: that would take a reaction back.
function shownReaction(text) {
	return line(text).trim() || '?';
}

// entry makes of a message object what the page shows. Nothing of a stranger's is
// in it that was not made safe, but ids, which are checked where they are used.
export function entry(m, myName) {
	const text = safe(m.text);
	return {
		id: m.id, clock: clockOf(m), author: m.author, nick: line(m.nick), time: new Date(m.time), text, mine: Boolean(m.mine),
		kind: m.kind ?? '', replyTo: m.reply_to ?? '', gap: Boolean(m.gap), edited: Boolean(m.edited), deleted: Boolean(m.deleted),
		reactions: (m.reactions ?? []).map((r) => ({ text: shownReaction(r.text), by: r.by })),
		mention: !m.mine && mentions(text, myName ?? ''), delivery: null, version: 0, changed: null, reacted: new Map(),
	};
}

// same reports whether two deliveries say the same.
function same(a, b) {
	return Boolean(a) && ['state', 'reached', 'held_by', 'members', 'reason'].every((k) => a[k] === b[k]);
}

export class Timeline {
	constructor() {
		this.entries = [];
		this.byID = new Map();
		this.deliveries = new Map(); // of own ones, also outside the window
		// older and newer are set if there may be more beyond the ends.
		this.older = true;
		this.newer = false;
		this.beyond = 0; // live messages after the window
		this.loaded = false;
		this.asked = 0; // how many pages are on their way, and what changed meanwhile
		this.changes = [];
		this.lacking = false;
		this.window = 0; // grows when the window is another one
	}

	get last() {
		return this.entries[this.entries.length - 1];
	}

	index(place) {
		let from = 0, to = this.entries.length;
		while (from < to) {
			const mid = (from + to) >> 1;
			if (compare(this.entries[mid], place) < 0) from = mid + 1;
			else to = mid;
		}
		return from;
	}

	// live takes a message of the stream and reports whether it is a new line of
	// the conversation. keep is set while the end of the window is what is looked at.
	live(m, myName, keep) {
		if (this.asked) this.remember(m);
		if (aboutOthers.includes(m.kind)) {
			this.change(m);
			return false;
		}
		if (this.byID.has(m.id)) return false;
		if (this.loaded) this.add(entry(m, myName), keep); // else a page brings it
		return true;
	}

	// remember keeps what a page that is on its way may lack.
	remember(m) {
		if (this.changes.length < maxChanges) this.changes.push(m);
		else this.lacking = true; // what is dropped is beyond the window then
	}

	// add puts a new line into the window, if it belongs there.
	add(e, keep) {
		const n = this.entries.length;
		if (n && this.newer && compare(e, this.last) > 0) {
			this.beyond++;
		} else if (!(n && this.older && compare(e, this.entries[0]) < 0)) {
			this.insert(e);
			if (keep) this.trim(this.entries.length);
			else if (this.entries.length > 2 * maxWindow) this.cutBack(this.entries.length - maxWindow, true);
		}
	}

	insert(e) {
		if (this.byID.has(e.id)) return;
		let i = this.entries.length;
		if (i && compare(this.entries[i - 1], e) > 0) i = this.index(e);
		e.delivery = this.deliveries.get(e.id) ?? null;
		this.entries.splice(i, 0, e);
		this.byID.set(e.id, e);
	}

	// change applies an edit, a deletion or a reaction to what it is about.
	change(m) {
		const e = this.byID.get(m.target);
		if (!e || e.kind === 'topic' || e.kind === 'unknown') return;
		const place = { clock: clockOf(m), id: m.id };
		if (m.kind === 'reaction') {
			this.react(e, m, place);
		} else {
			if (m.author !== e.author || e.changed && compare(place, e.changed) < 0) return;
			e.changed = place;
			e.deleted = m.kind === 'delete';
			e.edited = m.kind === 'edit';
			e.text = e.deleted ? '' : safe(m.text);
			if (e.deleted) e.reactions = [];
			for (const other of this.entries) if (other.replyTo === e.id) other.version++;
		}
		e.version++;
	}

	// react takes one person's reaction in place of the earlier one.
	react(e, m, place) {
		const before = e.reacted.get(m.author);
		if (e.deleted || before && compare(place, before) < 0) return;
		e.reacted.set(m.author, place);
		const text = m.text ? shownReaction(m.text) : '';
		for (const r of e.reactions) r.by = r.by.filter((p) => p !== m.author);
		if (text) {
			const same = e.reactions.find((r) => r.text === text);
			if (same) same.by.push(m.author);
			else e.reactions.push({ text, by: [m.author] });
		}
		e.reactions = e.reactions.filter((r) => r.by.length);
	}

	// deliver takes note of how far an own message got.
	deliver(d, heard = performance.now()) {
		this.deliveries.set(d.id, { ...d, heard });
		if (this.deliveries.size > 2 * maxWindow) this.deliveries.delete(this.deliveries.keys().next().value);
		const e = this.byID.get(d.id);
		if (!e) return;
		e.delivery = d;
		e.version++;
	}

	// told takes what a page says of own messages. What an event said since it was
	// asked for is newer.
	told(messages, asked) {
		for (const m of messages) {
			const known = this.deliveries.get(m.id);
			if (m.mine && m.delivery && !(known?.heard > asked) && !same(known, m.delivery)) this.deliver({ ...m.delivery, id: m.id }, asked);
		}
	}

	// merge takes a page that was asked for. What it makes of older and newer comes
	// first: it decides where what came meanwhile belongs.
	merge(messages, ends, myName) {
		Object.assign(this, ends, { loaded: true });
		for (const m of messages) if (!aboutOthers.includes(m.kind)) this.insert(entry(m, myName));
		for (const m of this.changes) {
			if (aboutOthers.includes(m.kind)) this.change(m);
			else if (!this.newer || this.last && compare(entry(m), this.last) < 0) this.add(entry(m, myName), false);
		}
		if (this.asked) return;
		this.newer ||= this.lacking;
		this.lacking = false;
		this.changes = [];
	}

	// replace empties the window for a page from elsewhere.
	replace(messages, older, newer, myName) {
		this.entries = [];
		this.byID.clear();
		this.window++;
		this.beyond = 0;
		this.merge(messages, { older, newer }, myName);
	}

	// trim drops messages at the far end from entry keep, if there are too many.
	trim(keep) {
		const n = this.entries.length;
		if (n <= maxWindow) return;
		const drop = n - trimTo;
		const front = Math.min(drop, Math.max(0, keep - trimTo / 2));
		if (front) this.cutFront(front);
		if (drop > front) this.cutBack(drop - front, false);
	}

	cutFront(n) {
		for (const e of this.entries.splice(0, n)) this.byID.delete(e.id);
		this.older = true;
	}

	cutBack(n, unseen) {
		for (const e of this.entries.splice(this.entries.length - n, n)) this.byID.delete(e.id);
		this.newer = true;
		if (unseen) this.beyond += n;
	}
}
