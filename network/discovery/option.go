package discovery

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// discoveredPrefix marks options that are for each service found. (ActiveMQ:
// DiscoveryListener.DISCOVERED_OPTION_PREFIX)
const discoveredPrefix = "discovered."

// set takes an option's value.
type set func(value string) error

// apply gives every option to whom it is for; those with the prefix are kept.
// Of an option that is given twice the last counts.
func (u *URI) apply(options url.Values, known map[string]set) error {
	for _, name := range slices.Sorted(maps.Keys(options)) {
		value := options[name][len(options[name])-1]
		if inner, ok := strings.CutPrefix(name, discoveredPrefix); ok && inner != "" {
			u.discovered.Set(inner, value)
			continue
		}
		put, ok := known[name]
		if !ok {
			return fmt.Errorf("%w %q of %s:; known are %s, and %s… for each broker found", ErrOption, name, u.Scheme,
				strings.Join(slices.Sorted(maps.Keys(known)), ", "), discoveredPrefix)
		}
		if err := put(value); err != nil {
			return fmt.Errorf("%w %s=%s: %w", ErrOption, name, value, err)
		}
	}
	return nil
}

// longestDelay bounds what is given in milliseconds.
const longestDelay = 365 * 24 * time.Hour

func duration(to *time.Duration) set {
	return func(value string) error {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < 0 || n > longestDelay.Milliseconds() {
			return fmt.Errorf("not a number of milliseconds")
		}
		*to = time.Duration(n) * time.Millisecond
		return nil
	}
}

func number(to *int, low, high int) set {
	return func(value string) error {
		n, err := strconv.Atoi(value)
		if err != nil || n < low || n > high {
			return fmt.Errorf("not a number of %d to %d", low, high)
		}
		*to = n
		return nil
	}
}

func boolean(to *bool) set {
	return func(value string) error {
		switch strings.ToLower(value) {
		case "true":
			*to = true
		case "false":
			*to = false
		default:
			return fmt.Errorf("neither true nor false")
		}
		return nil
	}
}

func text(to *string) set {
	return func(value string) error {
		if value == "" {
			return fmt.Errorf("empty")
		}
		*to = value
		return nil
	}
}
