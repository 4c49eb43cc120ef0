package cron

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// What is wrong with an entry.
var (
	// ErrSyntax: the entry cannot be read.
	ErrSyntax = errors.New("not a valid cron entry")
	// ErrNever: no date fulfils it.
	ErrNever = errors.New("no date fulfils the cron entry")
)

// field is one of the five. The bounds are the ones that ActiveMQ counts "*"
// and the way to the next round with, which are not those of the calendar.
type field struct {
	name       string
	start, end int
	values     []int // sorted
	all        bool  // "*" or "?"
}

// maxNumber bounds what an entry may name, so that a range cannot fill memory.
const maxNumber = 9999

// parse reads the text of a field.
func (f *field) parse(text string) error {
	values, err := f.read(text)
	if err != nil {
		return err
	}
	if len(values) == 0 {
		return fmt.Errorf("%w: Invalid token: %s:%s", ErrSyntax, f.name, text)
	}
	slices.Sort(values)
	f.values, f.all = values, isAll(text)
	return nil
}

func isAll(text string) bool { return text == "*" || text == "?" }

func (f *field) read(text string) ([]int, error) {
	if isAll(text) {
		return span(f.start, f.end), nil
	}
	if head, step, ok := strings.Cut(text, "/"); ok {
		return f.readStep(head, step)
	}
	if strings.Contains(text, ",") {
		var all []int
		for part := range strings.SplitSeq(text, ",") {
			if part == "" {
				continue
			}
			values, err := f.read(part)
			if err != nil {
				return nil, err
			}
			if all = append(all, values...); len(all) > maxNumber {
				return nil, fmt.Errorf("%w: Invalid token: %s has too many values", ErrSyntax, f.name)
			}
		}
		return all, nil
	}
	if first, last, ok := strings.Cut(text, "-"); ok {
		from, err := f.number(first)
		if err != nil {
			return nil, err
		}
		to, err := f.number(last)
		return span(from, to), err
	}
	n, err := f.number(text)
	return []int{n}, err
}

func (f *field) readStep(head, step string) ([]int, error) {
	n, err := f.number(step)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, fmt.Errorf("%w: Invalid token: %s has a step of 0", ErrSyntax, f.name)
	}
	values, err := f.read(head)
	return slices.DeleteFunc(values, func(v int) bool { return v%n != 0 }), err
}

func (f *field) number(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > maxNumber {
		return 0, fmt.Errorf("%w: Invalid token: %s: %q is no number that can be used here", ErrSyntax, f.name, text)
	}
	return n, nil
}

func span(from, to int) []int {
	var values []int
	for i := from; i <= to; i++ {
		values = append(values, i)
	}
	return values
}

func (f *field) has(v int) bool { return slices.Contains(f.values, v) }

// within reports whether one of the values lies between low and high.
func (f *field) within(low, high int) bool {
	return slices.ContainsFunc(f.values, func(v int) bool { return v >= low && v <= high })
}

// next is how far it is from current to the next value, round the end if need
// be; end is f.end, or what takes its place.
func (f *field) next(current, end int) int {
	for _, v := range f.values {
		if v > current {
			return v - current
		}
	}
	return end + f.values[0] - f.start - current
}
