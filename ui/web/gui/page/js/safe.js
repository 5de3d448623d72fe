// What strangers wrote, made fit to be shown: the same rules as chat.Text.Safe
// and chat.LooksLike in Go, and a test compares them. The interface gives texts
// whole; none may reach the page but through here.

const plain = /^[\x20-\x7e]*$/, plainLines = /^[\x20-\x7e\n]*$/;
const graphic = /^[\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}]$/u;
const hidden = /^[\p{Cf}\p{Variation_Selector}\p{Co}\p{Default_Ignorable_Code_Point}\u2800\u{1D159}]$/u;
const mark = /^\p{M}$/u, wideMark = /^\p{Mc}$/u, space = /^\p{White_Space}$/u;
const blank = /^[\p{Zl}\p{Zp}\p{Zs}]$/u, oddBlank = /^(?![ \u00a0\u3000])\p{Zs}$/u;
const lonePictographs = '\u00a9\u00ae\u203c\u2049\u2122\u2139\u3030\u303d\u3297\u3299';
const joiner = '\u200d', asText = '\ufe0e', asEmoji = '\ufe0f', keycap = '\u20e3';

// maxMarks is how many combining marks one character may carry.
const maxMarks = 4;

function invisible(c) {
	return hidden.test(c) || oddBlank.test(c);
}

function visible(c) {
	return c === ' ' || graphic.test(c) && !invisible(c);
}

function pictograph(c) {
	if (!c) return false;
	if (lonePictographs.includes(c)) return true;
	const n = c.codePointAt(0);
	return (n >= 0x2190 && n <= 0x2bff || n >= 0x1f000 && n <= 0x1faff) && visible(c);
}

// partOfEmoji reports whether c, which alone would be dropped, belongs to an
// emoji that is shown.
function partOfEmoji(c, last, before, next) {
	switch (c) {
	case joiner: return (pictograph(last) || last === asEmoji && pictograph(before)) && pictograph(next);
	case asText: return pictograph(last);
	case asEmoji: return pictograph(last) || /^[0-9#*]$/.test(last) && next === keycap;
	}
	return false;
}

function clean(s, lines) {
	if ((lines ? plainLines : plain).test(s)) return s;
	const all = Array.from(s.toWellFormed());
	let out = '', marks = 0, last = '', before = '';
	for (let i = 0; i < all.length; i++) {
		let c = all[i];
		if (c === '\n' && lines) {
			// stays
		} else if (c === '\n' || c === '\t' || blank.test(c) && !visible(c)) {
			c = ' '; // dropping it would join two words
		} else if (!partOfEmoji(c, last, before, all[i + 1]) && !visible(c)) {
			continue;
		}
		if (c < '\u0300' || !mark.test(c)) marks = 0;
		else if (!wideMark.test(c) && c !== asText && c !== asEmoji) marks++;
		if (marks > maxMarks) continue;
		out += c;
		before = last;
		last = c;
	}
	return out;
}

// safe is a text for several lines, line the same on one.
export function safe(s) {
	return clean(String(s ?? ''), true);
}

export function line(s) {
	return clean(String(s ?? ''), false);
}

const alike = [
	'aаα', 'bвьβ', 'cсϲ', 'dԁ', 'eеєε', 'gɡց', 'hһнհ', 'iіıιl1|ӏ!', 'jј', 'kкκ', 'mм',
	'nոпη', 'oоοօ0σ', 'pрρ', 'qԛզ', 'rгᴦ', 'sѕꜱ5$', 'tтτ', 'uսυц', 'vѵν', 'wԝѡω', 'xхχ×', 'yуүγ', 'zᴢ2',
];
const likeLatin = new Map(alike.flatMap((row) => Array.from(row, (c) => [c, row[0]])));

// looksLike is what two names have in common when people could take one for the
// other. It is for comparing only.
export function looksLike(s) {
	const lower = Array.from(line(s).normalize('NFKC'), (c) => c.toLowerCase()).join('');
	let out = '';
	for (const c of lower.normalize('NFKD')) {
		if (!space.test(c) && !mark.test(c) && !invisible(c)) out += likeLatin.get(c) ?? c;
	}
	return out;
}

// mentions reports whether a text has a name in it, as a word of its own.
export function mentions(text, name) {
	text = text.toLowerCase();
	name = name.trim().toLowerCase();
	if (!name) return false;
	const word = /[\p{L}\p{N}_]/u;
	for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + name.length)) {
		const before = Array.from(text.slice(Math.max(0, at - 2), at)).pop() ?? '';
		const after = String.fromCodePoint(text.codePointAt(at + name.length) ?? 32);
		if (!word.test(before) && !word.test(after)) return true;
	}
	return false;
}

// byteLength is the length of a text as limits count it.
export function byteLength(s) {
	return new TextEncoder().encode(s).length;
}
