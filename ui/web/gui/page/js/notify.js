// Desktop notifications, which the person turns on: by kind, never by default.

// pause is how long one conversation is quiet after a notification, in
// milliseconds; shown is how much of a text one shows.
const pause = 3000, shown = 140;

export class Notifier {
	constructor(kept) {
		this.kept = kept;
		this.last = new Map();
	}

	// kind is 'off', 'mine' (private messages, and where the person is named) or 'all'.
	get kind() {
		if (!('Notification' in window) || Notification.permission !== 'granted') return 'off';
		return this.kept.choice('notify', 'off');
	}

	get possible() {
		return 'Notification' in window && Notification.permission !== 'denied';
	}

	// choose asks the browser if need be, and reports what holds now.
	async choose(kind) {
		if (kind !== 'off' && Notification.permission !== 'granted') await Notification.requestPermission();
		this.kept.choose('notify', kind);
		return this.kind;
	}

	came(model, c, m, named) {
		const kind = this.kind;
		if (kind === 'off' || kind === 'mine' && c.room && !named || c.request) return;
		const now = Date.now();
		if (now - (this.last.get(c.ref) ?? 0) < pause) return;
		this.last.set(c.ref, now);
		const who = model.names.text(m.author, m.nick);
		const entry = c.lastText?.text ?? '';
		const n = new Notification(c.room ? `${who} in ${model.title(c)}` : who, { body: entry.slice(0, shown), tag: c.ref });
		n.onclick = () => {
			window.focus();
			model.select(c.ref);
			n.close();
		};
	}
}
