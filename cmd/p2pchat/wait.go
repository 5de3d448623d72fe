package main

import (
	"errors"
	"time"
)

// A waitFlag is a --wait: a time above zero.
type waitFlag time.Duration

// Set implements pflag.Value.
func (w *waitFlag) Set(s string) error {
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return errors.New("a time is written as 30s or 2m")
	case d <= 0:
		return errors.New("it must be above zero, such as 30s")
	}
	*w = waitFlag(d)
	return nil
}

// String implements pflag.Value.
func (w *waitFlag) String() string { return time.Duration(*w).String() }

// Type implements pflag.Value.
func (w *waitFlag) Type() string { return "duration" }
