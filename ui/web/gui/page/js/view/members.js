// Who else is in a room.
import { html, Component } from '../../shared/html.js';
import { Face, Name } from './name.js';

// most is how many are shown; the others are counted.
const most = 200;

export class Members extends Component {
	shouldComponentUpdate(next) {
		return next.c !== this.props.c || next.version !== this.props.version || next.names !== this.props.names;
	}

	render({ model, c }) {
		const all = [...c.members.values()].filter((m) => m.peer !== model.self.peer);
		all.sort((a, b) => Boolean(a.seed) - Boolean(b.seed) || model.names.plain(a.peer, a.nick).localeCompare(model.names.plain(b.peer, b.nick)) || (a.peer < b.peer ? -1 : 1));
		return html`<aside class="members" aria-label="Members"><h2>${model.others(c) + 1} here</h2><ul>
			<li class="member"><${Face} model=${model} peer=${model.self.peer} /><span class="what"><${Name} model=${model} peer=${model.self.peer} /><span class="last">you</span></span></li>
			${all.slice(0, most).map((m) => html`<li key=${m.peer}><button type="button" class="member" onClick=${() => model.open({ kind: 'person', peer: m.peer })}>
				<${Face} model=${model} peer=${m.peer} nick=${m.nick} online=${true} /><span class="what"><${Name} model=${model} peer=${m.peer} nick=${m.nick} /><span class="last">${pathWords(model, m)}</span></span></button></li>`)}
			${all.length > most && html`<li class="last">and ${all.length - most} more</li>`}</ul></aside>`;
	}
}

// pathWords is how a member is connected to this node.
export function pathWords(model, m) {
	if (m.seed) return 'seed';
	if (m.path === 'direct') return 'direct';
	if (m.path === 'relayed') return m.via ? `through ${model.names.text(m.via)}` : 'through a seed';
	return 'known through others';
}
