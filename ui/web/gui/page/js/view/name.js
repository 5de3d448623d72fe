// A person's name: in the person's colour, with what sets it apart, and a mark
// if the person's fingerprint was compared.
import { html } from '../../shared/html.js';
import { hue } from '../names.js';
import { Icon } from './icons.js';

export function Name({ model, peer, nick }) {
	const { name, tail } = model.names.show(peer, nick);
	return html`<span class="name hue${hue(peer)}"><bdi>${name}</bdi>${tail && html`<span class="tail">${tail}</span>`}${model.names.verified(peer)
		&& html`<span class="verified" title="verified: you compared fingerprints"><${Icon} name="shield" /><span class="said"> verified</span></span>`}</span>`;
}

// Face is the round sign of a person or a room.
export function Face({ model, peer, nick, room, online }) {
	const letters = room ? '#' : Array.from(model.names.plain(peer, nick) || peer.slice(-2)).slice(0, 1).join('').toUpperCase();
	return html`<span class="face hue${hue(peer ?? room)} ${room ? 'room' : ''}" aria-hidden="true">${letters}${online && html`<span class="dot"></span>`}</span>`;
}

// copy puts a text into the clipboard, and says so.
export async function copy(model, text, what) {
	try {
		await navigator.clipboard.writeText(text);
		model.toast(`${what} copied`);
	} catch {
		model.toast('the browser did not allow copying: select the text instead', true);
	}
}
