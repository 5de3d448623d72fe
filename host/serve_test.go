package host

import (
	"testing"
	"time"
)

// TestWhatASeedGives pins the limits that a stranger can use up.
func TestWhatASeedGives(t *testing.T) {
	r := RelayLimit{}.resources()
	if r.Limit == nil || r.Limit.Duration != time.Hour || r.Limit.Data != 64<<20 {
		t.Errorf("limit is %+v", r.Limit)
	}
	if r.MaxReservations != 512 || r.MaxCircuits != 16 || r.MaxReservationsPerIP != 64 ||
		r.MaxReservationsPerASN != 256 || r.ReservationTTL != time.Hour || r.BufferSize != 4096 {
		t.Errorf("resources are %+v", r)
	}
	own := RelayLimit{Duration: time.Minute, Data: 1 << 20}.resources()
	if own.Limit.Duration != time.Minute || own.Limit.Data != 1<<20 {
		t.Errorf("own limit is %+v", own.Limit)
	}
	if maxCircuitsOfIP != streamsOfProtocol/2/4 {
		t.Errorf("one address gets %d circuits", maxCircuitsOfIP)
	}
	// What all circuits together may cost, in streams, is within the whole.
	if most := streamsOfProtocol; most > streamsAll/2 {
		t.Errorf("relaying may take %d of %d streams", most, streamsAll)
	}
	if keepAlive+muxWriteTimeout > 15*time.Second {
		t.Error("a dead path is noticed too late")
	}
}
