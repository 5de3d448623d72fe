package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// parseWhen reads a time in the past as a person writes it: RFC 3339, a date
// (its first moment), a time of day (the last time it was that late), or how
// long ago it is (2h, 30d, "2h ago"). Dates and times of day are those of now's
// location.
func parseWhen(s string, now time.Time) (time.Time, error) {
	s = strings.TrimSpace(s)
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	for _, layout := range []string{"2006-01-02", "2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(layout, s, now.Location()); err == nil {
			return t, nil
		}
	}
	for _, layout := range []string{"15:04", "15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil {
			at := time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), t.Second(), 0, now.Location())
			if at.After(now) {
				at = at.AddDate(0, 0, -1)
			}
			return at, nil
		}
	}
	if d, err := parseAge(strings.TrimSuffix(s, " ago")); err == nil {
		return now.Add(-d), nil
	}
	return time.Time{}, fmt.Errorf("%q is no time", s)
}

// whenHint says what parseWhen reads.
const whenHint = "a time is written as 2006-01-02, 15:04, 2006-01-02T15:04:05Z, or as 2h or 30d for that long ago"

// parseAge reads a time span above zero: as time.ParseDuration, and days (d),
// weeks (w) and years (y, of 365 days).
func parseAge(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if unit, ok := ageUnit(s); err != nil && ok {
		var n float64
		if n, err = strconv.ParseFloat(s[:len(s)-1], 64); err == nil {
			n *= float64(unit)
		}
		if !(n < math.MaxInt64) { // also what is not a number
			n = 0
		}
		d = time.Duration(n)
	}
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is no time span", s)
	}
	return d, nil
}

func ageUnit(s string) (time.Duration, bool) {
	if s == "" {
		return 0, false
	}
	switch s[len(s)-1] {
	case 'd':
		return day, true
	case 'w':
		return 7 * day, true
	case 'y':
		return 365 * day, true
	}
	return 0, false
}

// writeAge is parseAge's way back, in the largest unit that fits.
func writeAge(d time.Duration) string {
	if d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// parseSize reads a number of bytes above zero: 100MB (a million bytes each),
// 100MiB or 100M (1,048,576 each), and so on with K, G and T.
func parseSize(s string) (int64, error) {
	bad := fmt.Errorf("%q is no size", s)
	digits := strings.TrimRight(s, "BKMGTibkmgt ")
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		return 0, bad
	}
	unit := strings.ToUpper(strings.TrimSpace(s[len(digits):]))
	power, base := 0, 1024.0
	if unit != "" && unit != "B" {
		if power = strings.IndexByte(" KMGT", unit[0]); power < 0 {
			return 0, bad
		}
		switch unit[1:] {
		case "", "IB":
		case "B":
			base = 1000
		default:
			return 0, bad
		}
	}
	if n *= math.Pow(base, float64(power)); !(n >= 1 && n < math.MaxInt64) {
		return 0, bad
	}
	return int64(n), nil
}

// writeSize is a number of bytes as parseSize reads it.
func writeSize(n int64) string {
	for _, base := range []int64{1000, 1024} {
		unit, size := "", n
		for _, u := range []string{"K", "M", "G", "T"} {
			if size == 0 || size%base != 0 {
				break
			}
			size, unit = size/base, u
		}
		switch {
		case unit != "" && base == 1000:
			return fmt.Sprintf("%d%sB", size, unit)
		case unit != "":
			return fmt.Sprintf("%d%siB", size, unit)
		}
	}
	return fmt.Sprintf("%dB", n)
}
