package netlab

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// mtu is that of Ethernet: no packet in the lab is longer.
const mtu = 1500

// openTUN makes the interface wan in a namespace and returns the end of it that
// the internet reads and writes, one packet each time.
func openTUN(s space) (file *os.File, err error) {
	err = s.do(func() error {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("open /dev/net/tun: %w", err)
		}
		req, err := unix.NewIfreq(wan)
		if err == nil {
			req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
			err = unix.IoctlIfreq(fd, unix.TUNSETIFF, req)
		}
		if err == nil {
			err = unix.SetNonblock(fd, true) // only now: then Close ends a Read
		}
		if err != nil {
			unix.Close(fd)
			return fmt.Errorf("make a TUN device: %w", err)
		}
		file = os.NewFile(uintptr(fd), wan)
		return nil
	})
	return file, err
}
