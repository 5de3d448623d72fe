// The model is all that the page knows. It takes the node's events and the
// person's wishes; the views read it and are drawn again when it changes.
import { at } from './api.js';
import { Names } from './names.js';
import { line, mentions } from './safe.js';
import { Timeline } from './timeline.js';
import { Outbox } from './outbox.js';
import { Loading } from './loading.js';

const maxMembers = 2000, maxOnline = 10000, toastTime = 8000, maxUnread = 1000;
const quietNotices = ['connected', 'seed-lost', 'seed-back', 'earlier', 'request', 'stored'];

export class Model {
	constructor(api, kept, { draw, notify }) {
		Object.assign(this, { api, kept, draw, notify });
		this.link = { state: 'starting', fault: null }; // starting, live, gone, refused, full
		this.info = { version: '', max_text: 32768 };
		this.self = { peer: '', name: '', fingerprint: '' };
		this.convs = new Map(); // by reference: a room's name or a peer ID
		this.listed = false;
		this.cur = null;
		this.contacts = new Map();
		this.requests = [];
		this.online = new Map();
		this.names = new Names(this.self, this.contacts);
		this.status = null;
		this.dialog = null; // { kind, ... }
		this.view = 'chat'; // or network
		this.focus = { id: '', until: 0 }; // a message that was jumped to
		this.toasts = [];
		this.spoken = ''; // for screen readers
		this.loading = new Loading(this);
		this.outbox = new Outbox(api, kept, {
			changed: () => this.draw(),
			accepted: (item) => this.convs.get(item.ref) && this.loading.catchUp(this.convs.get(item.ref)),
		});
	}

	// conv finds a conversation, or makes it known.
	conv(ref) {
		let c = this.convs.get(ref);
		if (!c) {
			c = {
				ref, room: !ref.startsWith('12D3KooW'), name: '', topic: '', open: false, ours: false, request: false, unread: 0, mentions: 0,
				readTo: '', line: null, last: 0, lastText: null, members: new Map(), membersVersion: 0, history: null, ended: '', notice: '',
				waiting: 0, timeline: new Timeline(), stick: true, marking: false, changed: 0,
			};
			this.convs.set(ref, c);
		}
		return c;
	}

	get current() {
		return this.cur ? this.convs.get(this.cur) ?? null : null;
	}

	// heard takes an event of the stream.
	heard(name, ev) {
		switch (name) {
		case 'message': this.message(ev); break;
		case 'delivery': this.conv(ev.conversation).timeline.deliver(ev); break;
		case 'member': this.member(ev); break;
		case 'history': this.conv(ev.conversation).history = ev; break;
		case 'notice': this.noticed(ev); break;
		case 'rejected': this.outbox.refused(ev.key, line(ev.reason)); break;
		case 'ended': this.conv(ev.conversation).ended = ev.refused ? `refused: ${line(ev.reason)}` : 'said goodbye'; break;
		case 'missed': this.loading.again(); break;
		}
		this.draw();
	}

	message(m) {
		const known = this.convs.has(m.conversation);
		const c = this.conv(m.conversation);
		if (!known) this.loading.listSoon();
		if (m.mine) this.outbox.seen(m.key, m.id);
		else this.names.meet(m.author, line(m.nick));
		if (m.request && !c.request) this.loading.requestsSoon();
		if (m.kind === 'topic') c.topic = line(m.text);
		if (!c.timeline.live(m, this.self.name, c.stick)) return;
		c.changed = performance.now();
		const when = Date.parse(m.time) || 0;
		if (when >= c.last) {
			c.last = when;
			c.lastText = { author: m.author, nick: line(m.nick), text: line(m.text).slice(0, 120), kind: m.kind ?? '', mine: Boolean(m.mine) };
		}
		if (!m.mine) this.came(c, m);
	}

	// came counts what others said, and tells the person.
	came(c, m) {
		if (['topic', 'unknown'].includes(m.kind)) return;
		const seen = c.ref === this.cur && this.view === 'chat' && c.stick && document.hasFocus() && !document.hidden;
		const named = mentions(m.text, this.self.name);
		if (seen) {
			this.speak(`${this.names.text(m.author, line(m.nick))}: ${line(m.text).slice(0, 300)}`);
			return;
		}
		c.unread = Math.min(c.unread + 1, maxUnread);
		if (named) c.mentions++;
		if (!m.old) this.notify(this, c, m, named);
	}

	member(ev) {
		const nick = line(ev.nick);
		this.names.meet(ev.peer, nick);
		if (ev.conversation === '') {
			if (ev.online && this.online.size < maxOnline) this.online.set(ev.peer, { nick, seed: Boolean(ev.seed) });
			else if (!ev.online) this.online.delete(ev.peer);
			return;
		}
		const c = this.conv(ev.conversation);
		if (ev.online && !c.room) c.ended = '';
		if (ev.online && (c.members.has(ev.peer) || c.members.size < maxMembers)) c.members.set(ev.peer, ev);
		else if (!ev.online) c.members.delete(ev.peer);
		c.membersVersion++;
	}

	noticed(ev) {
		const text = line(ev.text);
		if (ev.code === 'missed') {
			this.loading.again();
		} else if (ev.conversation) {
			const c = this.conv(ev.conversation);
			c.notice = ['connected', 'stored', 'earlier', 'request'].includes(ev.code) ? '' : text;
			if (ev.code === 'request') this.loading.requestsSoon();
		} else if (!quietNotices.includes(ev.code)) {
			this.toast(text);
		}
		if (ev.code.startsWith('seed-')) this.loading.statusSoon();
	}

	// toast tells the person something for a while.
	toast(text, bad) {
		const t = { text, bad };
		this.toasts = [...this.toasts.slice(-3), t];
		setTimeout(() => {
			this.toasts = this.toasts.filter((o) => o !== t);
			this.draw();
		}, toastTime);
		this.draw();
	}

	speak(text) {
		this.spoken = text === this.spoken ? `${text} ` : text; // or it is not said again
	}

	// attempt runs what may fail, and tells the person if it does.
	async attempt(work) {
		try {
			return await work();
		} catch (fault) {
			this.toast(fault.words ?? String(fault), true);
			return undefined;
		}
	}

	// rename changes the own name, and returns why not.
	async rename(name) {
		try {
			await this.api.command('PUT', '/v1/name', { name: name.trim() });
			this.self = { ...this.self, name: name.trim() };
			this.renamed();
			this.draw();
			return '';
		} catch (fault) {
			return fault.words ?? String(fault);
		}
	}

	// renamed begins anew with who is called what.
	renamed() {
		this.names = new Names(this.self, this.contacts, this.names);
	}

	// title is what a conversation is called.
	title(c) {
		return c.room ? `#${c.ref}` : this.names.text(c.ref, c.name);
	}

	sorted() {
		return [...this.convs.values()].filter((c) => c.listed || c.ours).sort((a, b) => b.last - a.last || (a.ref < b.ref ? -1 : 1));
	}

	// others is how many others are here now.
	others(c) {
		let n = 0;
		for (const m of c.members.values()) if (!m.seed && m.peer !== this.self.peer) n++;
		return n;
	}

	show(view) {
		this.view = view;
		this.draw();
	}

	open(dialog) {
		this.dialog = dialog;
		this.draw();
	}

	// select turns to a conversation.
	select(ref) {
		const before = this.current;
		if (before && before.ref !== ref) {
			before.line = null;
			if (before.timeline.newer) before.timeline = Object.assign(new Timeline(), { deliveries: before.timeline.deliveries });
			before.stick = true;
			before.timeline.trim(before.timeline.entries.length);
		}
		this.view = 'chat';
		this.wantInput = true; // the focus is to go where one writes
		this.cur = ref;
		this.kept.set('current', ref);
		if (ref) {
			const c = this.conv(ref);
			if (c.unread && c.readTo) c.line = c.readTo;
			this.loading.show(c);
		}
		this.draw();
	}

	// enter opens what a request names, and turns to it.
	async enter(body) {
		const opened = await this.api.command('POST', '/v1/conversations', body);
		const c = this.conv(opened.conversation);
		Object.assign(c, { ours: true, open: true, listed: true, ended: '', notice: '' });
		this.keepOurs();
		this.loading.listSoon();
		this.select(c.ref);
		return c;
	}

	keepOurs() {
		this.kept.set('ours', [...this.convs.values()].filter((c) => c.ours).map((c) => c.ref));
	}

	async leave(c) {
		await this.api.command('DELETE', at(c.ref));
		Object.assign(c, { ours: false, open: false, members: new Map() });
		c.membersVersion++;
		this.keepOurs();
		this.loading.listSoon();
		this.draw();
	}

	// say puts something into the outbox.
	say(ref, body) {
		const ok = this.outbox.say(ref, body);
		if (!ok) this.toast('too much waits to be sent already', true);
		return ok;
	}

	// jump shows a message in its place, wherever it stands.
	async jump(ref, id) {
		if (this.cur !== ref) this.select(ref);
		const c = this.conv(ref);
		c.stick = false;
		if (!c.timeline.byID.has(id)) await this.attempt(() => this.loading.around(c, id));
		if (!c.timeline.byID.has(id)) return;
		this.focus = { id, fresh: true };
		this.draw();
	}
}
