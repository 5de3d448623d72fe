// Times as this person's system writes them.
const clockFormat = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const dayFormat = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' });
const shortDay = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: 'short' });
const fullFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

export const clock = (t) => clockFormat.format(t);
export const full = (t) => fullFormat.format(t);

// dayKey is the same for two times on one day.
export const dayKey = (t) => t.getFullYear() * 400 + t.getMonth() * 32 + t.getDate();

export function dayName(t, now = new Date()) {
	const days = Math.round((new Date(now).setHours(12, 0, 0, 0) - new Date(t).setHours(12, 0, 0, 0)) / 864e5);
	if (days === 0) return 'Today';
	if (days === 1) return 'Yesterday';
	return dayFormat.format(t);
}

// shortTime is for narrow columns: today's clock, else the day.
export function shortTime(ms, now = new Date()) {
	const t = new Date(ms);
	if (dayKey(t) === dayKey(now)) return clock(t);
	if (now - t < 6 * 864e5 && now > t) return weekday.format(t);
	return shortDay.format(t);
}

// since is how long ago something was.
export function since(time) {
	const s = Math.max(0, (Date.now() - Date.parse(time)) / 1000);
	if (!Number.isFinite(s) || s > 3e9) return '–';
	if (s < 90) return `${Math.round(s)} s`;
	if (s < 5400) return `${Math.round(s / 60)} min`;
	if (s < 129600) return `${Math.round(s / 3600)} h`;
	return `${Math.round(s / 86400)} d`;
}
