package client

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// setter puts the text of a URL's option into T.
type setter[T any] func(*T, string) error

// set applies one option of a URL, or refuses it by name.
func set[T any](table map[string]setter[T], to *T, name, value string) error {
	apply, ok := table[name]
	if !ok {
		return fmt.Errorf("%w: option %s: %w%s", ErrURL, name, ErrUnsupportedOption, nearest(name, slices.Collect(maps.Keys(table))))
	}
	if err := apply(to, value); err != nil {
		return fmt.Errorf("%w: option %s=%q: %w", ErrURL, name, value, err)
	}
	return nil
}

func boolean[T any](field func(*T) *bool) setter[T] {
	return func(to *T, v string) (err error) {
		*field(to), err = parseBool(v)
		return err
	}
}

// inverse is for a field that says the opposite of the option.
func inverse[T any](field func(*T) *bool) setter[T] {
	return func(to *T, v string) error {
		b, err := parseBool(v)
		*field(to) = !b
		return err
	}
}

func parseBool(v string) (bool, error) {
	switch strings.ToLower(v) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("neither true nor false")
}

func text[T any](field func(*T) *string) setter[T] {
	return func(to *T, v string) error {
		*field(to) = v
		return nil
	}
}

func number[T any, N int | int32 | int64](bits int, least, most int64, field func(*T) *N) setter[T] {
	return func(to *T, v string) error {
		n, err := strconv.ParseInt(v, 10, bits)
		if err != nil {
			return err
		}
		if n < least || n > most {
			return fmt.Errorf("not within %d and %d", least, most)
		}
		*field(to) = N(n)
		return nil
	}
}

// fraction is a factor that is not negative.
func fraction[T any](field func(*T) *float64) setter[T] {
	return func(to *T, v string) error {
		f, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return err
		}
		if !(f >= 0 && f <= 1e6) { // NaN included
			return fmt.Errorf("not within 0 and 1000000")
		}
		*field(to) = f
		return nil
	}
}

func milliseconds[T any](field func(*T) *time.Duration) setter[T] {
	return func(to *T, v string) error {
		n, err := strconv.ParseUint(v, 10, 32)
		*field(to) = time.Duration(n) * time.Millisecond
		return err
	}
}

// timeLimit is milliseconds of which -1 and 0 mean that there is no limit.
func timeLimit[T any](field func(*T) *time.Duration) setter[T] {
	return func(to *T, v string) error {
		n, err := strconv.ParseInt(v, 10, 32)
		if err == nil && n < -1 {
			err = fmt.Errorf("less than -1")
		}
		*field(to) = time.Duration(max(n, 0)) * time.Millisecond
		return err
	}
}

// explicit is milliseconds where the field's 0 stands for a default: 0 becomes
// -1.
func explicit[T any](field func(*T) *time.Duration) setter[T] {
	return func(to *T, v string) error {
		n, err := strconv.ParseUint(v, 10, 32)
		*field(to) = time.Duration(n) * time.Millisecond
		if n == 0 {
			*field(to) = -1
		}
		return err
	}
}

// tuning is an option of ActiveMQ's threads and buffers, which do not exist
// here: it changes nothing.
func tuning[T any](*T, string) error { return nil }

// refused is an option of ActiveMQ that this client does not have.
func refused[T any](why string) setter[T] {
	return func(*T, string) error { return fmt.Errorf("%w: %s", ErrUnsupportedOption, why) }
}

// fixed is an option whose one value is how this client works.
func fixed[T any](only, why string) setter[T] {
	return func(_ *T, v string) error {
		if strings.EqualFold(v, only) {
			return nil
		}
		return fmt.Errorf("%w: %s", ErrUnsupportedOption, why)
	}
}
