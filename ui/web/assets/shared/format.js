// Numbers, sizes and times as people read them. Pure, but for the reader's own
// language and time zone.

// count writes a whole number with separators.
export function count(n) {
	return Math.round(n).toLocaleString();
}

// few writes a number with at most one decimal.
export function few(n) {
	return n.toLocaleString(undefined, { maximumFractionDigits: Math.abs(n) < 10 ? 1 : 0 });
}

// size writes a number of bytes: 1.5 MB.
export function size(bytes) {
	const units = ['B', 'kB', 'MB', 'GB', 'TB'];
	let n = bytes, u = 0;
	while (n >= 1000 && u < units.length - 1) {
		n /= 1000;
		u++;
	}
	return `${n.toLocaleString(undefined, { maximumFractionDigits: u && n < 100 ? 1 : 0 })}\u00a0${units[u]}`;
}

// lasting writes a length of time, given in seconds, by its largest unit: 5 min.
export function lasting(seconds) {
	const s = Math.max(0, seconds);
	if (s < 60) return `${Math.floor(s)} s`;
	if (s < 3600) return `${Math.floor(s / 60)} min`;
	if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
	return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

// latency writes a round trip, given in milliseconds.
export function latency(ms) {
	if (!(ms > 0)) return '–';
	return ms < 1 ? '< 1 ms' : `${few(ms)} ms`;
}

// clock writes the time of day, and the date where that is not today.
export function clock(date, now = new Date()) {
	const time = date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
	if (date.toDateString() === now.toDateString()) return time;
	return `${date.toLocaleDateString([], { day: 'numeric', month: 'short' })} ${time}`;
}

// short is the short form of a peer ID: its last six characters, as in the terminal.
export function short(peer) {
	return peer.slice(-6);
}
