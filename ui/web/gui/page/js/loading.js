// Loading asks the node for what the model needs, and puts it there. It asks for
// one thing once at a time.
import { at } from './api.js';
import { line } from './safe.js';
import { compare, maxWindow, pageSize } from './timeline.js';

const listPause = 300, listPatience = 2000, listEvery = 20000, statusEvery = 5000, markPause = 400;

export class Loading {
	constructor(model) {
		this.m = model;
		this.api = model.api;
		this.timers = new Map();
	}

	// soon runs something a moment later, once however often it is asked for.
	soon(name, pause, work) {
		if (this.timers.has(name)) return;
		this.timers.set(name, setTimeout(() => {
			this.timers.delete(name);
			work.call(this).catch(() => {}); // without a node there is another time
		}, pause));
	}

	listSoon() { this.soon('list', listPause, this.list); }
	requestsSoon() { this.soon('requests', listPause, this.requests); }
	statusSoon() { this.soon('status', listPause, this.status); }

	// begin loads everything when there is a node: the first, or another than before.
	async begin(resumed) {
		const m = this.m;
		m.link = { state: 'live', fault: null };
		m.draw();
		this.beginning = !resumed;
		if (!resumed) {
			const [info, node] = await Promise.all([this.api.get('/page/info'), this.api.get('/v1/node')]);
			m.info = info;
			m.self = { ...node, name: line(node.name) };
			await Promise.all([this.contacts(), this.requests()]);
			await this.reopen();
		}
		this.beginning = false;
		await this.list();
		if (!resumed) await this.again();
		m.outbox.open();
		this.statusSoon();
		this.soon('online', listPause, this.online);
		if (!m.self.name && !m.dialog) m.open({ kind: 'name' });
		this.beat();
	}

	// beat looks now and then at what no event tells.
	beat() {
		clearInterval(this.beating);
		this.beating = setInterval(() => {
			if (document.hidden || this.m.link.state !== 'live') return;
			this.statusSoon();
			if (Date.now() - (this.listedAt ?? 0) > listEvery) this.listSoon();
		}, statusEvery);
	}

	// reopen opens at this node what the tab had open; a new tab, what was open last time.
	async reopen() {
		for (const ref of this.m.kept.get('ours', this.m.info.open)) {
			const c = this.m.conv(ref);
			await this.openQuietly(c);
		}
	}

	async openQuietly(c) {
		try {
			await this.api.command('POST', '/v1/conversations', c.room ? { room: c.ref } : { peer: c.ref });
			Object.assign(c, { ours: true, open: true });
			this.m.keepOurs();
		} catch (fault) {
			if (!fault.gone) c.notice = fault.words;
		}
	}

	async list() {
		const m = this.m, asked = performance.now();
		const { conversations } = await this.api.get('/v1/conversations');
		this.listedAt = Date.now();
		const listed = new Set();
		for (const o of conversations) {
			listed.add(o.conversation);
			const c = m.conv(o.conversation);
			const last = Date.parse(o.last) || 0;
			Object.assign(c, {
				listed: true, room: o.room, name: line(o.name), open: o.open, request: Boolean(o.request), readTo: c.marking ? c.readTo : o.read ?? '',
				topic: line(o.topic), waiting: o.waiting ?? 0, last: Math.max(last, c.last),
			});
			if (c.changed > asked) { // by an event that the answer may not know of
				this.soon('list', listPatience, this.list);
				continue;
			}
			if (o.message) {
				const { author, nick, text, kind, mine, deleted } = o.message;
				c.lastText = { author, nick: line(nick), text: deleted ? '(deleted)' : line(text).slice(0, 120), kind: kind ?? '', mine: Boolean(mine) };
			}
			if (!(c.ref === m.cur && c.stick && !document.hidden)) Object.assign(c, { unread: o.unread, mentions: o.mentions });
		}
		for (const c of m.convs.values()) c.listed = listed.has(c.ref);
		if (!m.listed) {
			m.listed = true;
			const before = m.kept.get('current', '');
			if (!m.cur && m.convs.has(before)) m.select(before);
			else if (!m.cur && !narrow() && conversations.length) m.select(m.sorted()[0].ref);
		}
		m.draw();
	}

	async contacts() {
		const { contacts } = await this.api.get('/v1/contacts');
		this.m.contacts = new Map(contacts.map((k) => [k.peer, { ...k, name: line(k.name) }]));
		this.m.renamed();
		this.m.draw();
	}

	async requests() {
		const { requests } = await this.api.get('/v1/requests');
		this.m.requests = requests.map((q) => ({ ...q, nick: line(q.nick), text: line(q.text) }));
		this.m.draw();
	}

	async status() {
		this.m.status = await this.api.get('/v1/status');
		this.m.draw();
	}

	async online() {
		const asked = performance.now();
		const { peers } = await this.api.get('/v1/peers');
		const here = peers.filter((p) => p.online && p.peer !== this.m.self.peer);
		this.m.online = new Map(here.map((p) => [p.peer, { nick: line(p.nick), seed: p.seed }]));
		for (const p of here) this.m.names.meet(p.peer, line(p.nick), asked);
		this.m.draw();
	}

	async members(c) {
		const asked = performance.now();
		const { members } = await this.api.get(at(c.ref, '/members'));
		for (const x of members) this.m.names.meet(x.peer, line(x.nick), asked);
		c.members = new Map(members.filter((x) => x.online).map((x) => [x.peer, x]));
		c.membersVersion++;
		this.m.draw();
	}

	// show loads what a conversation that is turned to needs.
	async show(c) {
		const m = this.m;
		const blocked = m.contacts.get(c.ref)?.blocked;
		if (!c.ours && (c.open || !c.room && !c.request && !blocked)) await this.openQuietly(c);
		if (c.ours) this.members(c).catch(() => {});
		this.api.get(at(c.ref, '/history')).then((h) => {
			c.history = h;
			m.draw();
		}).catch(() => {});
		if (!c.timeline.loaded) await m.attempt(() => this.newest(c));
	}

	async page(c, query, limit = pageSize) {
		const t = c.timeline, asked = performance.now();
		t.asked++;
		try {
			const page = await this.api.get(at(c.ref, `/messages?limit=${limit}${query}`));
			t.told(page.messages, asked);
			return page;
		} finally {
			t.asked--;
		}
	}

	// newest replaces the window by the end of the conversation.
	async newest(c) {
		const page = await this.page(c, '');
		c.timeline.replace(page.messages, page.more, false, this.m.self.name);
		c.stick = true;
		this.m.draw();
	}

	// beyond loads the page behind an end of the window, unless the window has moved
	// when it comes.
	async beyond(c, query, endsOf) {
		const t = c.timeline, window = t.window;
		if (t.busy || !t.entries.length) return;
		t.busy = true;
		try {
			const page = await this.page(c, query);
			if (t.window !== window) return;
			const ends = endsOf(t, page);
			t.merge(page.messages, ends, this.m.self.name);
			t.trim('older' in ends ? 0 : t.entries.length);
		} finally {
			t.busy = false;
			this.m.draw();
		}
	}

	// catchUp makes sure that an accepted message is shown, if no event does.
	async catchUp(c) {
		const t = c.timeline, window = t.window, last = t.last;
		if (!t.loaded || t.newer) return;
		const page = await this.page(c, last ? `&after=${last.id}` : '').catch(() => null);
		if (!page || t.window !== window) return;
		t.merge(page.messages, { newer: page.more && Boolean(last) }, this.m.self.name);
		this.m.draw();
	}

	// older and newer load the next page at an end of the window.
	older(c) {
		return this.beyond(c, `&before=${c.timeline.entries[0]?.id}`, (t, page) => ({ older: page.more }));
	}

	newer(c) {
		return this.beyond(c, `&after=${c.timeline.last?.id}`, (t, page) => (
			{ newer: page.more, beyond: page.more ? Math.max(0, t.beyond - page.messages.length) : 0 }
		));
	}

	// around replaces the window by the neighbourhood of a message.
	async around(c, id) {
		const page = await this.page(c, `&around=${id}`);
		c.timeline.replace(page.messages, true, page.more, this.m.self.name);
		c.stick = false;
		this.m.draw();
	}

	// again loads anew what may have changed unseen.
	async again() {
		const m = this.m;
		if (this.beginning) return; // it ends with this
		for (const c of m.convs.values()) if (c !== m.current) c.timeline.loaded = false;
		const c = m.current;
		if (!c) return;
		if (c.ours) this.members(c).catch(() => {});
		if (c.stick || !c.timeline.entries.length) {
			await this.newest(c);
		} else {
			const t = c.timeline;
			const from = t.entries[0].id, limit = Math.min(t.entries.length + pageSize, maxWindow);
			const asked = performance.now();
			const first = await this.api.get(at(c.ref, `/messages/${from}`)).catch(() => null);
			if (first) t.told([first], asked);
			const page = await this.page(c, `&after=${from}`, limit);
			t.replace(first ? [first, ...page.messages] : page.messages, t.older, page.more, m.self.name);
		}
		m.draw();
	}

	// markRead tells the node what the person sees.
	markRead(c) {
		const last = c.timeline.last;
		if (!last || document.hidden || !c.stick || c.timeline.newer || !c.timeline.loaded) return;
		if (c.unread) {
			Object.assign(c, { unread: 0, mentions: 0 });
			this.m.draw();
		}
		if (c.readTo === last.id) return;
		c.readTo = last.id;
		c.marking = true;
		this.soon(`read ${c.ref}`, markPause, async () => {
			const id = c.readTo;
			try {
				await this.api.command('POST', at(c.ref, '/read'), { message: id });
				c.marking = c.readTo !== id;
				this.m.told?.({ read: c.ref });
			} catch { // and again, when something is drawn
				Object.assign(c, { readTo: '', marking: false });
			}
		});
	}
}

export function narrow() {
	return matchMedia('(max-width: 719px)').matches;
}

export { compare };
