// How people are called on the screen: equal-looking names with different keys
// are visibly different. Who comes second to a name has the end of the peer ID
// added, after a '~' that no name is shown with. The person and the contacts
// come first.
import { line, looksLike } from './safe.js';

// maxNames bounds what is remembered; who comes later carries the end of the ID.
const maxNames = 10000;
const tails = [6, 12];
const tildes = /[~˜∼∽～⁓〜]/g;

export function short(peer) {
	return peer.slice(-6);
}

// hue is the number of a peer's colour, 0 to 7.
export function hue(peer) {
	let n = 0;
	for (const c of peer.slice(-10)) n = (n * 31 + c.charCodeAt(0)) >>> 0;
	return n % 8;
}

export class Names {
	// before is what was known until now: nicks stay, and version grows whenever
	// anybody may be called otherwise.
	constructor(self, contacts, before) {
		this.version = (before?.version ?? 0) + 1;
		this.self = self;
		this.contacts = contacts; // by peer
		this.owners = new Map();
		this.nicks = before?.nicks ?? new Map();
		this.told = before?.told ?? new Map(); // when an event told of a peer
		if (self.peer) this.claim(looksLike(this.plain(self.peer)), self.peer);
		for (const k of contacts.values()) {
			if (k.name) this.claim(looksLike(this.plain(k.peer)), k.peer);
		}
	}

	// meet remembers the nick that somebody goes by now, or went by when a question
	// was asked: what an event told since then is newer.
	meet(peer, nick, asked = Infinity) {
		const known = this.nicks.get(peer);
		if (asked < (this.told.get(peer) ?? 0)) return;
		if (asked === Infinity && this.told.size < maxNames) this.told.set(peer, performance.now());
		if (!nick || nick === known || known === undefined && this.nicks.size >= maxNames) return;
		this.nicks.set(peer, nick);
		this.version++;
	}

	claim(look, peer) {
		const owner = this.owners.get(look);
		if (owner === undefined && this.owners.size < maxNames) {
			this.owners.set(look, peer);
			return true;
		}
		return owner === peer;
	}

	// plain is what a peer would be called if nobody else were.
	plain(peer, nick) {
		const given = this.contacts.get(peer)?.name;
		const name = given || (peer === this.self.peer ? this.self.name : this.nicks.get(peer) || nick) || '';
		return line(name).replace(tildes, '_').trim().slice(0, 64);
	}

	// show is how to write a peer: a name, and what sets it apart from others.
	show(peer, nick) {
		const name = this.plain(peer, nick);
		const look = looksLike(name);
		if (name && this.claim(look, peer)) return { name, tail: '' };
		for (const n of tails) {
			const tail = '~' + peer.slice(-n);
			if (this.claim(look + tail, peer)) return { name, tail };
		}
		return { name, tail: '~' + peer };
	}

	// text is show as one word, where no element can be.
	text(peer, nick) {
		const { name, tail } = this.show(peer, nick);
		return name + tail;
	}

	verified(peer) {
		return Boolean(this.contacts.get(peer)?.verified);
	}
}
