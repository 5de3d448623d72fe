package history

import (
	"encoding/binary"

	"github.com/p2pchat/p2pchat/chat"
)

// version is the form of the file that this code reads and writes. It stands in
// the file's user_version.
const version = 1

// applicationID marks a file as ours: "p2pc".
const applicationID = 0x70327063

// schema is version 1, whole. How the columns are to be read:
//
//   - Times (chat.Time) stand as dbTime writes them, so that they sort.
//   - id8 is the first 8 bytes of an ID as a number (see head8). It finds rows;
//     whether a row is the right one, its whole ID says.
//   - segment.n is the order of arrival. It only ever rises: where the last ones
//     were pruned, meta has the highest ('last'). Segments are never changed once
//     written, but pruned.
//   - segment.body is the envelope as pack makes it shorter; unpack needs the
//     author's key for it. The segment's ID stands in place, which is the order
//     of a conversation and all that reconciliation reads.
//   - message has a row for each message of each segment; words has the text of
//     those with searchable kinds, under the same number m. words keeps no texts,
//     only where each word is: the text is in the segment.
//   - incomplete has the segments of which some ancestor is missing, with the
//     number of parents they wait for. gap has those missing ones (given = 0),
//     and those which were given up while segments name them (given = 1).
//   - wait has, for each incomplete segment, a row for each parent that is
//     itself incomplete (its n), a head (its n, done = 1), missing (minus its g)
//     or given up (minus its g, done = 1; its n when it has come after all). Rows
//     with done = 1 are not waited for; they tell what is named, and so no head.
//   - head has the complete segments that no complete one names as a parent.
//   - gone are the IDs of the last maxPruned segments that were pruned.
//   - block cuts a conversation's order into runs of consecutive places; time and
//     id are where one begins (the first begins before all). Of a block without a
//     blocksum, count too is out of date: both are to be made from place.
const schema = `
CREATE TABLE meta(k TEXT PRIMARY KEY, v) WITHOUT ROWID;
CREATE TABLE conversation(
	c INTEGER PRIMARY KEY,
	id BLOB NOT NULL UNIQUE,
	room TEXT,
	peer BLOB,
	gen INTEGER NOT NULL DEFAULT 0,
	segments INTEGER NOT NULL DEFAULT 0,
	messages INTEGER NOT NULL DEFAULT 0,
	bytes INTEGER NOT NULL DEFAULT 0,
	latest INTEGER NOT NULL,
	floor_time INTEGER,
	floor_id BLOB,
	seen INTEGER NOT NULL DEFAULT 0,
	max_age INTEGER NOT NULL DEFAULT 0,
	max_bytes INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE author(a INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE);
CREATE TABLE chain(
	k INTEGER PRIMARY KEY,
	c INTEGER NOT NULL,
	a INTEGER NOT NULL,
	chain BLOB NOT NULL,
	forked INTEGER NOT NULL DEFAULT 0,
	next INTEGER NOT NULL,
	last_time INTEGER NOT NULL,
	last_id BLOB NOT NULL,
	UNIQUE(c, a, chain)
);
CREATE TABLE segment(
	n INTEGER PRIMARY KEY,
	k INTEGER NOT NULL,
	seq INTEGER NOT NULL,
	count INTEGER NOT NULL,
	id8 INTEGER NOT NULL,
	body BLOB NOT NULL
);
CREATE INDEX segment_id ON segment(id8);
CREATE INDEX segment_seq ON segment(k, seq);
CREATE TABLE place(c INTEGER, time INTEGER, id BLOB, n INTEGER NOT NULL, PRIMARY KEY(c, time, id)) WITHOUT ROWID;
CREATE TABLE message(
	m INTEGER PRIMARY KEY,
	n INTEGER NOT NULL,
	idx INTEGER NOT NULL,
	c INTEGER NOT NULL,
	time INTEGER NOT NULL,
	id8 INTEGER NOT NULL,
	kind INTEGER NOT NULL,
	target8 INTEGER
);
CREATE INDEX message_place ON message(c, time, id8);
CREATE INDEX message_id ON message(id8);
CREATE INDEX message_target ON message(target8) WHERE target8 IS NOT NULL;
CREATE INDEX message_topic ON message(c, time) WHERE kind = 7;
CREATE VIRTUAL TABLE words USING fts5(text, content='', contentless_delete=1, tokenize="unicode61 remove_diacritics 2");
CREATE TABLE incomplete(n INTEGER PRIMARY KEY, c INTEGER NOT NULL, time INTEGER NOT NULL, id BLOB NOT NULL, waits INTEGER NOT NULL);
CREATE INDEX incomplete_place ON incomplete(c, time, id);
CREATE TABLE gap(g INTEGER PRIMARY KEY, c INTEGER NOT NULL, time INTEGER NOT NULL, id BLOB NOT NULL, given INTEGER NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX gap_id ON gap(c, id);
CREATE INDEX gap_time ON gap(c, time) WHERE given = 0;
CREATE TABLE wait(c INTEGER, p INTEGER, n INTEGER, done INTEGER NOT NULL, PRIMARY KEY(c, p, n)) WITHOUT ROWID;
CREATE TABLE head(n INTEGER PRIMARY KEY, c INTEGER NOT NULL, time INTEGER NOT NULL, id BLOB NOT NULL);
CREATE INDEX head_place ON head(c, time, id);
CREATE TABLE gone(i INTEGER PRIMARY KEY, c INTEGER NOT NULL, id BLOB NOT NULL UNIQUE);
CREATE TABLE fork(f INTEGER PRIMARY KEY, c INTEGER NOT NULL, k INTEGER NOT NULL, first BLOB NOT NULL, second BLOB NOT NULL);
CREATE INDEX fork_conversation ON fork(c);
CREATE TABLE own(n INTEGER PRIMARY KEY, c INTEGER NOT NULL, state INTEGER NOT NULL, reason TEXT NOT NULL DEFAULT '');
CREATE INDEX own_open ON own(c, state) WHERE state IN (1, 2, 5);
CREATE TABLE block(b INTEGER PRIMARY KEY, c INTEGER NOT NULL, time INTEGER NOT NULL, id BLOB NOT NULL, count INTEGER NOT NULL);
CREATE INDEX block_conversation ON block(c, time, id);
CREATE TABLE blocksum(b INTEGER PRIMARY KEY, sum BLOB NOT NULL);
`

// dbTime is t as a column: SQLite's numbers have a sign, and sort by it.
func dbTime(t chat.Time) int64 { return int64(uint64(t) ^ 1<<63) }

// timeOf is the inverse of dbTime.
func timeOf(n int64) chat.Time { return chat.Time(uint64(n) ^ 1<<63) }

// head8 is the first 8 bytes of an ID, as the column id8 has them.
func head8(id []byte) int64 { return int64(binary.BigEndian.Uint64(id)) }

// searchable reports whether messages of kind k are found by their words.
func searchable(k chat.Kind) bool {
	return k.IsText() || k == chat.KindEdit || k == chat.KindTopic
}

// envelopeHead stands before the author's key in every envelope, envelopeType
// behind it (PROTOCOL.md, section 3). pack leaves out all three.
const (
	envelopeHead = "\x0a\x24\x08\x01\x12\x20"
	envelopeType = "\x12\x01\x01"
	packed       = len(envelopeHead) + len(chat.PeerID{}) + len(envelopeType)
)

// pack is an envelope by author without what the author's key tells, a sixth of
// a short one. An envelope of another form stays whole: it can be told from a
// packed one, which begins with field 3, by its first byte.
func pack(author chat.PeerID, envelope []byte) []byte {
	if len(envelope) > packed && string(envelope[:packed]) == envelopeHead+string(author[:])+envelopeType && envelope[packed] == 0x1a {
		return envelope[packed:]
	}
	return envelope
}

// unpack is the inverse of pack.
func unpack(author, body []byte) []byte {
	if len(body) == 0 || body[0] != 0x1a {
		return body
	}
	b := make([]byte, 0, packed+len(body))
	b = append(append(append(b, envelopeHead...), author...), envelopeType...)
	return append(b, body...)
}
