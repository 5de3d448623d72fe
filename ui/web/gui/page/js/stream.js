// The node's events. They are read with fetch, because a browser's EventSource
// cannot send the token in a header.
import { Fault, faultOf } from './api.js';

// How long to wait before looking for a node again, in milliseconds.
const firstPause = 150, longestPause = 2000;
// maxEvent bounds one event, in characters.
const maxEvent = 1 << 20;
// A node gives a sign of life every three seconds; when none comes for this long,
// in milliseconds, something is wrong with it.
const silence = 15000;

export class Stream {
	// heard gets each event; opened(run, resumed) is called when a node answers,
	// lost(fault) each time that none does.
	constructor(api, { heard, opened, lost }) {
		Object.assign(this, { api, heard, opened, lost, last: '', pause: firstPause, run: '' });
	}

	// follow reads events until the page ends.
	async follow() {
		for (;;) {
			let fault = new Fault('no-node', 'the node has ended');
			try {
				await this.read();
			} catch (err) {
				fault = err instanceof Fault ? err : new Fault('no-page', 'the program behind this page does not answer');
			}
			this.lost(fault);
			await new Promise((done) => {
				this.wake = done;
				setTimeout(done, this.pause);
			});
			this.pause = Math.min(2 * this.pause, longestPause);
		}
	}

	async read() {
		const stop = new AbortController();
		let watch = 0, silent = false;
		const alive = () => {
			clearTimeout(watch);
			watch = setTimeout(() => {
				silent = true;
				stop.abort();
			}, silence);
		};
		try {
			alive();
			await this.readUntil(stop, alive);
		} catch (err) {
			throw silent ? new Fault('silent', 'the node does not answer', 'is its process suspended?') : err;
		} finally {
			clearTimeout(watch);
			stop.abort();
		}
	}

	// readUntil reads one node's events until they end, or stop says so, and calls
	// alive for each sign of life.
	async readUntil(stop, alive) {
		const resp = await fetch('/v1/events', {
			cache: 'no-store', signal: stop.signal, headers: this.api.headers({ 'Last-Event-ID': this.last }),
		});
		if (!resp.ok) throw faultOf(resp, await resp.json().catch(() => null));
		const run = resp.headers.get('P2pchat-Run') ?? '';
		const resumed = run === this.run;
		this.run = this.api.run = run;
		this.pause = firstPause;
		this.opened(run, resumed);
		const reader = resp.body.pipeThrough(new TextDecoderStream()).getReader();
		let rest = '';
		for (;;) {
			const { value, done } = await reader.read();
			if (done) return;
			alive();
			const parts = (rest + value).split('\n\n');
			rest = parts.pop();
			if (rest.length > maxEvent) throw new Fault('malformed', 'an event has no end');
			for (const part of parts) this.take(part);
		}
	}

	// take takes one event, as its lines say.
	take(part) {
		let data = '', name = '', id = '';
		for (const l of part.split('\n')) {
			const colon = l.indexOf(':');
			const value = l.slice(colon + 1).replace(/^ /, '');
			if (l.startsWith('data:')) data += value;
			else if (l.startsWith('event:')) name = value;
			else if (l.startsWith('id:')) id = value;
		}
		if (id) this.last = id;
		if (!data) return;
		let ev;
		try {
			ev = JSON.parse(data);
		} catch {
			return;
		}
		this.heard(name, ev);
	}

	// hurry looks for a node at once.
	hurry() {
		this.pause = firstPause;
		this.wake?.();
	}
}
