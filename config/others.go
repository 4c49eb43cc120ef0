package config

import "strings"

// others are the names that ActiveMQ has in one place and that this broker
// does not act on.
type others map[string]other

// other says what becomes of such a name.
type other struct {
	standard string // ActiveMQ's default, which is always accepted
	tuning   bool   // accepted with a warning: nothing but speed depends on it
	reason   string
}

// refused makes an attribute an error unless it is set to the default.
func refused(standard, reason string) other { return other{standard: standard, reason: reason} }

// absent makes the element or attribute an error whatever its value.
func absent(reason string) other { return other{reason: reason} }

// tuned makes an attribute a warning unless it is set to the default.
func tuned(standard, reason string) other {
	return other{standard: standard, tuning: true, reason: reason}
}

// isStandard compares a value with the default, by meaning where it has one:
// "64 mb" is 67108864, "TRUE" is true.
func (o other) isStandard(text string) bool {
	if o.standard == "" {
		return false
	}
	if strings.EqualFold(strings.TrimSpace(text), o.standard) {
		return true
	}
	given, errGiven := ParseBytes(text)
	standard, errStandard := ParseBytes(o.standard)
	return errGiven == nil && errStandard == nil && given == standard
}

const (
	reasonIndex     = "the index is kept in memory and rebuilt from the journal"
	reasonJava      = "there is no Java virtual machine here"
	reasonLater     = "it is not available yet"
	reasonPlugins   = "Java plugins cannot be loaded"
	reasonThreads   = "there are no threads to set up"
	reasonPageQueue = "messages are paged from the journal without a cursor"
)
