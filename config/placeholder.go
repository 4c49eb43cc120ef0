package config

import (
	"fmt"
	"os"
	"strings"
)

// Properties resolve the ${name} placeholders of a configuration. A name is
// looked up among the given properties (-Dname=value), then in the
// environment, then among ActiveMQ's own, whose base is the working directory:
// activemq.base, activemq.home, activemq.conf, activemq.data.
type Properties map[string]string

// Bounds on what placeholders may do to one value.
const (
	maxPlaceholders = 64
	maxExpansion    = 64 << 10 // bytes
)

// expand replaces each ${name} and ${name:default} in text, the innermost
// first; values may hold placeholders themselves.
func (p Properties) expand(text string) (string, error) {
	for range maxPlaceholders {
		first := strings.Index(text, "${")
		if first < 0 {
			return text, nil
		}
		end := strings.IndexByte(text[first:], '}')
		if end < 0 {
			return "", fmt.Errorf("%w: the placeholder in %q is not closed", ErrValue, text)
		}
		end += first
		start := strings.LastIndex(text[:end], "${")
		value, err := p.lookup(text[start+2 : end])
		if err != nil {
			return "", err
		}
		text = text[:start] + value + text[end+1:]
		if len(text) > maxExpansion {
			return "", fmt.Errorf("%w: placeholders expand to more than %d bytes", ErrValue, maxExpansion)
		}
	}
	return "", fmt.Errorf("%w: more than %d placeholders, or one that refers to itself", ErrValue, maxPlaceholders)
}

func (p Properties) lookup(expression string) (string, error) {
	name, fallback, hasFallback := strings.Cut(expression, ":")
	if v, ok := p[name]; ok {
		return v, nil
	}
	if v, ok := os.LookupEnv(name); ok {
		return v, nil
	}
	switch name {
	case "activemq.base", "activemq.home":
		return ".", nil
	case "activemq.conf":
		return "conf", nil
	case "activemq.data":
		return "data", nil
	}
	if hasFallback {
		return fallback, nil
	}
	return "", fmt.Errorf("%w: placeholder ${%s} has no value: set it with -D%s=… or in the environment", ErrValue, name, name)
}
