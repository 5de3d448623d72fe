package main

import (
	"testing"
	"time"
)

func TestParseWhen(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("", 2*60*60)
	now := time.Date(2026, 3, 4, 15, 30, 0, 0, zone)
	for in, want := range map[string]time.Time{
		"2026-01-02T03:04:05Z":      time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		"2026-01-02T03:04:05+01:00": time.Date(2026, 1, 2, 2, 4, 5, 0, time.UTC),
		"2026-01-02":                time.Date(2026, 1, 2, 0, 0, 0, 0, zone),
		"2026-01-02 15:04":          time.Date(2026, 1, 2, 15, 4, 0, 0, zone),
		"15:04":                     time.Date(2026, 3, 4, 15, 4, 0, 0, zone),
		"15:30":                     now,
		"23:50":                     time.Date(2026, 3, 3, 23, 50, 0, 0, zone),
		"2h":                        now.Add(-2 * time.Hour),
		" 2h ago ":                  now.Add(-2 * time.Hour),
		"90m":                       now.Add(-90 * time.Minute),
		"30d":                       now.Add(-30 * day),
		"1.5w":                      now.Add(-252 * time.Hour),
	} {
		if got, err := parseWhen(in, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: got %v, %v, want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "ago", "yesterday", "25:00", "2026-13-01", "-2h", "0s", "d", "NaNd", "Infd", "1e300y", "1e30d", "2 h"} {
		if got, err := parseWhen(in, now); err == nil {
			t.Errorf("%q: got %v", in, got)
		}
	}
}

func TestSizesAndAges(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]int64{
		"1": 1, "100": 100, "100B": 100, "1KB": 1000, "1K": 1024, "1kib": 1024, "100MB": 100_000_000, "100 MiB": 100 << 20,
		"1.5G": 3 << 29, "2T": 2 << 40,
	} {
		got, err := parseSize(in)
		if err != nil || got != want {
			t.Errorf("%q: got %d, %v, want %d", in, got, err, want)
		}
		if again, err := parseSize(writeSize(got)); err != nil || again != got {
			t.Errorf("%q is written as %q", in, writeSize(got))
		}
	}
	for _, in := range []string{"", "0", "-1", "MB", "1XB", "1Mi", "1BB", "NaN", "Inf", "1e30", "1e300T", "0.5B"} {
		if got, err := parseSize(in); err == nil {
			t.Errorf("%q: got %d", in, got)
		}
	}
	for d, want := range map[time.Duration]string{
		30 * day: "30d", 36 * time.Hour: "36h", 90 * time.Minute: "1h30m", 45 * time.Second: "45s", 10 * time.Minute: "10m", time.Hour + time.Second: "1h0m1s",
	} {
		got := writeAge(d)
		if back, err := parseAge(got); got != want || err != nil || back != d {
			t.Errorf("%v: got %q, read as %v, %v, want %q", d, got, back, err, want)
		}
	}
}
