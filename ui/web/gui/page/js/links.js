// Links in what people wrote. Only http and https become one, and they are shown
// in full: what is clicked is what is read.

const address = /\bhttps?:\/\/[^\s<>"'`{}|\\^]+/gi;
const behind = /[.,;:!?…*_]+$/; // of the sentence, not of the address

// links cuts a safe text into strings and { text, href, host }. host is set where
// a browser goes to another name than the letters seem to say.
export function links(text) {
	const out = [];
	let at = 0;
	for (const found of text.matchAll(address)) {
		const link = asLink(found[0]);
		if (!link) continue;
		if (found.index > at) out.push(text.slice(at, found.index));
		out.push(link);
		at = found.index + link.text.length;
	}
	if (at < text.length) out.push(text.slice(at));
	return out;
}

function asLink(found) {
	let text = found.replace(behind, '');
	while (/[)\]]$/.test(text) && !balanced(text)) text = text.slice(0, -1).replace(behind, '');
	let url;
	try {
		url = new URL(text);
	} catch {
		return null;
	}
	if (url.protocol !== 'http:' && url.protocol !== 'https:') return null;
	const written = text.replace(/^https?:\/\//i, '').split(/[/?#]/)[0].toLowerCase();
	const host = written === url.host || written === `${url.host}:${url.protocol === 'http:' ? 80 : 443}` ? '' : url.host;
	return { text, href: url.href, host };
}

function balanced(text) {
	const count = (c) => text.split(c).length;
	return count('(') >= count(')') && count('[') >= count(']');
}
