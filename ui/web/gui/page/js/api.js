// Requests to the node, through the page's own server.

// A Fault is the answer to a request that was not done. Its code is stable.
export class Fault extends Error {
	constructor(code, text, hint, status) {
		super(text);
		this.code = code;
		this.hint = hint || '';
		this.status = status || 0;
	}

	// gone reports whether it is not known, for want of a node, what came of it.
	get gone() {
		return ['no-node', 'no-page', 'closed', 'other-run', 'timeout', 'too-many', 'busy'].includes(this.code);
	}

	get words() {
		return this.hint ? `${this.message} (${this.hint})` : this.message;
	}
}

// How long an answer may take, in milliseconds: that to a question, and that to a
// command.
const askTime = 30000, doTime = 75000;

export class Api {
	// token proves that the page is ours, face tells this tab from other faces.
	constructor(token, face) {
		this.token = token;
		this.face = face;
		this.run = ''; // of the node that answered last
	}

	headers(more) {
		const h = { Authorization: `Bearer ${this.token}`, 'P2pchat-Face': this.face };
		for (const [name, value] of Object.entries(more ?? {})) if (value) h[name] = value;
		return h;
	}

	// ask sends a request and reads the answer; it throws a Fault.
	async ask(method, path, body, more) {
		let resp;
		try {
			resp = await fetch(path, {
				method, body: body === undefined ? undefined : JSON.stringify(body), cache: 'no-store',
				headers: this.headers({ 'Content-Type': body === undefined ? '' : 'application/json', ...more }),
				signal: AbortSignal.timeout(method === 'GET' ? askTime : doTime),
			});
			this.run = resp.headers.get('P2pchat-Run') || this.run;
			const answer = await resp.json();
			if (resp.ok) return answer;
			throw faultOf(resp, answer);
		} catch (err) {
			if (err instanceof Fault) throw err;
			if (err?.name === 'TimeoutError') throw new Fault('timeout', 'the node does not answer', 'is it suspended?');
			throw new Fault('no-page', 'the program behind this page does not answer', 'run p2pchat gui again');
		}
	}

	get(path) {
		return this.ask('GET', path);
	}

	// command is sent with a key, so that it acts once; run, if set, is the only
	// node that may do it.
	command(method, path, body, key, run) {
		return this.ask(method, path, body, { 'Idempotency-Key': key || newKey(), 'P2pchat-Run': run });
	}
}

export function faultOf(resp, answer) {
	const e = answer?.error ?? {};
	return new Fault(e.code || 'internal', e.text || `the answer was ${resp.status}`, e.hint, resp.status);
}

export function newKey() {
	return crypto.randomUUID();
}

// at is the path of a conversation.
export function at(ref, rest) {
	return `/v1/conversations/${encodeURIComponent(ref)}${rest ?? ''}`;
}
