// Asking a server again and again, gently.

const slowest = 10_000; // milliseconds between two tries while nobody answers
const patience = 8_000; // milliseconds until a try counts as failed
const hiddenFactor = 15; // a page nobody sees asks that much less often

// poll asks path every so many milliseconds. use(data, at) is called for each
// new answer (an unchanged one costs the server a few bytes), at being the
// server's time; state(problem) after each try, null when it went well. After a
// failure it tries again after 1, 2, 4 ... seconds, for ever. It returns a
// function that stops it.
export function poll(path, every, use, state) {
	let tag = '', timer = 0, failures = 0, stopped = false, running = false;

	async function ask() {
		clearTimeout(timer);
		if (stopped || running) return;
		running = true;
		try {
			await once();
			failures = 0;
			if (!stopped) state(null);
		} catch (problem) {
			failures++;
			if (!stopped) state(problem);
		}
		running = false;
		if (!stopped) timer = setTimeout(ask, pause());
	}

	async function once() {
		const answer = await fetch(path, {
			cache: 'no-store',
			headers: tag ? { 'If-None-Match': tag } : {},
			signal: AbortSignal.timeout(patience),
		});
		if (answer.status === 304) return;
		if (!answer.ok) throw new Error(`${answer.status}`);
		const data = await answer.json();
		if (stopped) return;
		tag = answer.headers.get('ETag') ?? '';
		use(data, new Date(answer.headers.get('Date') ?? Date.now()));
	}

	function pause() {
		if (failures) return Math.min(1000 * 2 ** (failures - 1), slowest);
		return every * (document.hidden ? hiddenFactor : 1);
	}

	const seen = () => { if (!document.hidden) ask(); };
	document.addEventListener('visibilitychange', seen);
	window.addEventListener('online', seen);
	ask();
	return () => {
		stopped = true;
		clearTimeout(timer);
		document.removeEventListener('visibilitychange', seen);
		window.removeEventListener('online', seen);
	};
}
