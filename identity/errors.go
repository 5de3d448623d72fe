package identity

import (
	"errors"
	"fmt"
)

// Errors of a data folder. The texts around them name the path and what to do.
var (
	// ErrFolder is wrapped by every error of DefaultDir, Open and OpenToRead.
	ErrFolder = errors.New("data folder cannot be used")
	// ErrFolderNotDir says that something else stands where the folder should be.
	ErrFolderNotDir = fmt.Errorf("%w: not a folder", ErrFolder)
	// ErrFolderNotWritable says that the folder cannot be made or written in.
	ErrFolderNotWritable = fmt.Errorf("%w: not writable", ErrFolder)
	// ErrFolderExposed says that other users may write in the folder, and so
	// could replace the key.
	ErrFolderExposed = fmt.Errorf("%w: other users may write in it", ErrFolder)

	// ErrInUse says that a running process holds the folder's lock.
	ErrInUse = errors.New("data folder is in use")
	// ErrBusy says that another process did not finish its change in time.
	ErrBusy = errors.New("another process is changing the data folder")
)

// Errors of the files in it.
var (
	// ErrKeyDamaged says that the key file does not hold a sound Ed25519 key.
	ErrKeyDamaged = errors.New("key file is damaged")
	// ErrKeyExposed says that other users may read or write the key file.
	ErrKeyExposed = errors.New("key file is open to other users")
	// ErrDamaged says that one of the other files cannot be understood. It was
	// left as it is.
	ErrDamaged = errors.New("file is damaged")
	// ErrNewer says that a newer version of the program wrote the file. It was
	// left as it is.
	ErrNewer = errors.New("file was written by a newer version of p2pchat")
	// ErrDamagedCache says that the address book was damaged, and is begun anew.
	ErrDamagedCache = errors.New("address book is damaged")
	// ErrBadFileName says that a name is not one that ReadFile and WriteFile take.
	ErrBadFileName = errors.New("not a usable file name")
)

// Errors of contacts and known hosts.
var (
	// ErrNameTaken says that a contact of that name is another peer.
	ErrNameTaken = errors.New("name is taken")
	// ErrPeerNamed says that the peer already has another name.
	ErrPeerNamed = errors.New("peer already has a name")
	// ErrFull says that a list has reached its limit.
	ErrFull = errors.New("list is full")
	// ErrBadHostPort says that a text is not host:port.
	ErrBadHostPort = errors.New("not a usable host:port")
)
