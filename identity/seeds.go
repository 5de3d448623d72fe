package identity

import (
	"fmt"
	"slices"
)

const (
	seedsFile = "seeds.json"
	// maxSeeds is how many seeds' addresses are remembered; the newest are kept.
	maxSeeds = 32
	// maxSeedsFile is the most bytes of seeds.json that are read: more than maxSeeds
	// of the longest need.
	maxSeedsFile = 64 << 10
)

// Seeds are the addresses of seeds that were learnt from invites, the newest
// first: full multiaddrs as AddSeeds was given them, which nobody parsed. The
// error is ErrDamaged or ErrNewer for a file that cannot be understood, which is
// left as it is.
func (f *Folder) Seeds() ([]string, error) {
	list, _, err := load(f, seedsFile, maxSeedsFile, decodeSeeds)
	return list, err
}

// AddSeeds remembers addresses of seeds, before those that were known; of more
// than 32 the oldest are forgotten. What cannot be an address is left out. The
// errors are those of Seeds, and of writing in the folder.
func (f *Folder) AddSeeds(all []string) error {
	return f.edit(func() error {
		old, err := f.Seeds()
		if err != nil {
			return err
		}
		list := keep(slices.Concat(all, old), maxSeeds, goodAddr)
		if slices.Equal(list, old) {
			return nil
		}
		data, err := encodeJSON(seedsData{Version: fileVersion, Seeds: list})
		if err != nil {
			return fmt.Errorf("save seeds: %w", err)
		}
		return f.replace(seedsFile, data)
	})
}

// seedsData is the file's form.
type seedsData struct {
	Version int      `json:"version"`
	Seeds   []string `json:"seeds"`
}

func decodeSeeds(data []byte) ([]string, error) {
	var file seedsData
	if err := decodeJSON(data, &file); err != nil {
		return nil, err
	}
	return keep(file.Seeds, maxSeeds, goodAddr), nil
}
