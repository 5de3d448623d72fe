// The messages of one conversation, in a window that scrolls through all of them.
import { html, Component } from '../../shared/html.js';
import { compare } from '../timeline.js';
import { Message, Unsaid } from './message.js';
import { dayKey, dayName } from './times.js';
import { Icon } from './icons.js';

// near is how close to an end, in pixels, the next page is asked for; atEnd is how
// far from it still counts as being there.
const near = 900, atEnd = 48;
// together is how long one person's messages stand under one name.
const together = 5 * 60e3;

export class Messages extends Component {
	constructor(props) {
		super(props);
		this.scroll = this.scroll.bind(this);
		this.key = this.key.bind(this);
	}

	// getSnapshotBeforeUpdate remembers what is at the top of what is seen, so that
	// it stays there whatever comes above it.
	getSnapshotBeforeUpdate() {
		const top = this.box.scrollTop;
		let at = null;
		for (const li of this.list.children) {
			if (li.dataset.id && li.offsetTop + li.offsetHeight > top) {
				at = li;
				break;
			}
		}
		this.anchor = at && { id: at.dataset.id, off: at.offsetTop - top };
		return null;
	}

	componentDidMount() {
		this.watch = new ResizeObserver(() => {
			if (this.props.c.stick) this.toEnd();
		});
		this.watch.observe(this.box);
		this.settle();
	}

	componentWillUnmount() {
		this.watch.disconnect();
	}

	componentDidUpdate() {
		this.settle();
	}

	// settle puts the window where it belongs after its content changed.
	settle() {
		const { model, c } = this.props;
		const wanted = model.focus.fresh && this.find(model.focus.id);
		if (wanted) {
			model.focus.fresh = false;
			wanted.scrollIntoView({ block: 'center' });
			wanted.focus({ preventScroll: true });
		} else if (c.stick) {
			this.toEnd();
		} else if (this.anchor) {
			const li = this.find(this.anchor.id);
			if (li) {
				const by = li.offsetTop - this.box.scrollTop - this.anchor.off;
				if (Math.abs(by) >= 1) this.box.scrollTop += by;
			}
		}
		this.more();
		if (c.ours && document.hasFocus()) model.loading.markRead(c);
	}

	find(id) {
		return this.list.querySelector(`[data-id="${CSS.escape(id)}"]`);
	}

	toEnd() {
		this.box.scrollTop = this.box.scrollHeight;
	}

	// more asks for the next page where an end is near.
	more() {
		const { model, c } = this.props;
		const b = this.box, t = c.timeline;
		if (!t.loaded || model.link.state !== 'live') return;
		if (t.older && b.scrollTop < near) model.loading.older(c).catch(() => {});
		else if (t.newer && b.scrollHeight - b.clientHeight - b.scrollTop < near) model.loading.newer(c).catch(() => {});
	}

	scroll() {
		const { model, c } = this.props;
		const b = this.box;
		const end = b.scrollHeight - b.clientHeight - b.scrollTop < atEnd;
		const stick = end && !c.timeline.newer;
		if (stick !== c.stick) {
			c.stick = stick;
			model.draw();
		}
		this.more();
	}

	// key moves from message to message.
	key(ev) {
		const li = ev.target.closest('li[data-id]');
		if (ev.altKey || ev.ctrlKey || ev.metaKey || !li || ev.target !== li) return;
		const all = [...this.list.querySelectorAll('li[data-id]')];
		const i = all.indexOf(li);
		const to = { ArrowUp: all[i - 1], ArrowDown: all[i + 1], Home: all[0], End: all[all.length - 1] }[ev.key];
		if (ev.key === 'ArrowDown' && !to || ev.key === 'Escape') document.getElementById('input')?.focus();
		else if (to) to.focus({ preventScroll: false });
		else return;
		ev.preventDefault();
	}

	latest() {
		const { model, c } = this.props;
		c.stick = !c.timeline.newer;
		if (!c.stick) model.attempt(() => model.loading.newest(c));
		model.draw();
	}

	render({ model, c }) {
		const t = c.timeline, es = t.entries;
		const unsaid = t.newer ? [] : model.outbox.in(c.ref).filter((i) => 'text' in i.body && !('edit' in i.body) && !('react' in i.body));
		const rows = [];
		const mark = c.line && t.byID.get(c.line);
		let day = 0, lined = !mark, before = null;
		for (const e of es) {
			const k = dayKey(e.time);
			const lone = k !== day;
			if (lone) rows.push(html`<li key=${`day ${k}`} class="day"><span>${dayName(e.time)}</span></li>`);
			day = k;
			let line = false;
			if (!lined && compare(e, mark) > 0) {
				lined = line = true;
				if (!e.mine) rows.push(html`<li key="unread line" class="newline"><span>New</span></li>`);
			}
			const joined = before && !lone && !line && before.author === e.author && e.time - before.time < together && !e.replyTo && !e.gap && plain(e) && plain(before);
			rows.push(html`<${Message} key=${e.id} model=${model} c=${c} e=${e} version=${e.version} names=${model.names.version} joined=${joined} focused=${model.focus.id === e.id} tab=${e === es[es.length - 1]} />`);
			before = e;
		}
		for (const i of unsaid) rows.push(html`<${Unsaid} key=${i.key} model=${model} item=${i} failed=${i.failed} />`);
		const away = !c.stick && (t.newer || es.length > 0);
		return html`<div class="box" ref=${(b) => { this.box = b; }} onScroll=${this.scroll} tabindex="-1">
			<p class="edge">${!t.loaded ? (model.link.state === 'live' ? 'Loading …' : '') : t.older ? 'Loading what was said before …' : es.length ? 'This is where it begins.' : ''}</p>
			${t.loaded && !es.length && !unsaid.length && html`<p class="empty">Nothing was said here yet.</p>`}
			<ol class="messages" aria-label="Messages" ref=${(l) => { this.list = l; }} onKeyDown=${this.key}>${rows}</ol>
			${away && html`<button type="button" class="latest" onClick=${() => this.latest()}><${Icon} name="down" />${t.beyond + c.unread > 0 ? `${Math.max(t.beyond, c.unread)} new` : 'Newest'}</button>`}
		</div>`;
	}
}

function plain(e) {
	return !e.deleted && !['topic', 'unknown', 'action'].includes(e.kind);
}
