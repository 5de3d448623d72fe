package host

import (
	"net/netip"
	"time"
)

// WithInterfaces is cfg for a machine whose addresses are what source says.
func WithInterfaces(cfg Config, source func() ([]netip.Addr, error)) Config {
	cfg.interfaces = source
	return cfg
}

// WithWallClock is cfg for a machine with another time of day.
func WithWallClock(cfg Config, now func() time.Time) Config {
	cfg.wallClock = now
	return cfg
}

// MaxReservationsOfIP is maxReservationsOfIP.
const MaxReservationsOfIP = maxReservationsOfIP
