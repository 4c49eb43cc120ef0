package harness

import (
	"strconv"
	"strings"
)

// Line is one machine-readable line of a Java program: a word, then key=value
// pairs separated by spaces.
type Line struct {
	Word   string
	Values map[string]string
}

// ParseLine splits a line; words without "=" after the first are ignored.
func ParseLine(text string) Line {
	words := strings.Fields(text)
	if len(words) == 0 {
		return Line{}
	}
	line := Line{Word: words[0], Values: make(map[string]string, len(words))}
	for _, word := range words[1:] {
		if key, value, ok := strings.Cut(word, "="); ok {
			line.Values[key] = value
		}
	}
	return line
}

// Int is a value as a number, -1 if it is absent or not a whole number.
func (l Line) Int(key string) int64 {
	n, err := strconv.ParseInt(l.Values[key], 10, 64)
	if err != nil {
		return -1
	}
	return n
}
