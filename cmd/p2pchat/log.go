package main

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/p2pchat/p2pchat/chat"
	"github.com/p2pchat/p2pchat/history"
	"github.com/p2pchat/p2pchat/identity"
)

// historyName is the file of all messages in the data folder.
const historyName = "history.db"

// historyPath is where a folder's history is.
func historyPath(f *identity.Folder) string { return filepath.Join(f.Dir(), historyName) }

// openHistory opens the folder's history for the node of self, and tells what
// had to be done to it.
func (p *program) openHistory(ctx context.Context, f *identity.Folder, self chat.PeerID) (*history.DB, error) {
	db, report, err := history.Open(ctx, historyPath(f), history.Config{Self: self, Log: p.logger()})
	if err != nil {
		return nil, err
	}
	if report.Damaged != "" {
		p.say("the history was damaged, and is kept as %s; a new one begins, and members bring back what they have", report.Damaged)
	}
	if report.Backup != "" {
		p.say("the history was brought to this version's form; a copy of the old one is %s", report.Backup)
	}
	return db, nil
}

// historyAdvices are what to do about a history that cannot be used.
func historyAdvices() []advice {
	const without = "--no-history does without, and remembers in memory only"
	return []advice{
		{history.ErrNewer, "use the newer version of p2pchat; " + without, codeUsage},
		{history.ErrFull, "make room, and try again", codeFailure},
		{history.ErrReadOnly, without, codeUsage},
		{history.ErrInUse, "try again", codeUsage},
		{history.ErrDamaged, without, codeUsage},
	}
}

// useHistory runs f with the folder's history, opened for writing.
func (p *program) useHistory(ctx context.Context, folder *identity.Folder, f func(*history.DB) error) error {
	_, self, err := folder.Key()
	if err != nil {
		return err
	}
	db, err := p.openHistory(ctx, folder, self)
	if err != nil {
		return err
	}
	return errors.Join(f(db), db.Close())
}
