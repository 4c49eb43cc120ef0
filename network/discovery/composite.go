package discovery

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
)

// Bounds of a discovery URI.
const (
	longestURI   = 64 << 10
	mostServices = 1000
)

// composite is a URI with others in parentheses: scheme:(a,b)?key=value.
// (ActiveMQ: URISupport.CompositeData)
type composite struct {
	scheme     string
	components []string
	options    url.Values
}

// parseComposite takes a URI apart. As in ActiveMQ "//" may precede the
// parentheses, and without parentheses all that follows is the components.
func parseComposite(text string) (*composite, error) {
	if len(text) > longestURI {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrURI, longestURI)
	}
	text = withoutBlanks(text)
	scheme, rest, found := strings.Cut(text, ":")
	if !found || scheme == "" {
		return nil, fmt.Errorf("%w %q: no scheme; write static:(tcp://host:port)", ErrURI, text)
	}
	c := &composite{scheme: scheme, options: url.Values{}}
	rest = strings.TrimPrefix(rest, "//")
	inner, query := rest, ""
	if strings.HasPrefix(rest, "(") {
		end := closing(rest)
		if end < 0 {
			return nil, fmt.Errorf("%w %q: a parenthesis is not closed", ErrURI, text)
		}
		inner, query = rest[1:end], rest[end+1:]
		if query != "" && query[0] != '?' {
			return nil, fmt.Errorf("%w %q: %q follows the closing parenthesis", ErrURI, text, query)
		}
		query = strings.TrimPrefix(query, "?")
	}
	var err error
	if c.components, err = split(inner); err != nil {
		return nil, fmt.Errorf("%w %q: %w", ErrURI, text, err)
	}
	if c.options, err = url.ParseQuery(query); err != nil {
		return nil, fmt.Errorf("%w %q: %w", ErrURI, text, err)
	}
	return c, nil
}

func withoutBlanks(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}

// closing is where the parenthesis that s begins with is closed, -1 if it is
// not.
func closing(s string) int {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// split parts s at the commas outside parentheses.
func split(s string) ([]string, error) {
	var parts []string
	depth, last := 0, 0
	for i := 0; i <= len(s); i++ {
		switch {
		case i < len(s) && s[i] == '(':
			depth++
		case i < len(s) && s[i] == ')':
			if depth--; depth < 0 {
				return nil, fmt.Errorf("a parenthesis is not opened")
			}
		case i == len(s) || s[i] == ',' && depth == 0:
			if i > last {
				parts = append(parts, s[last:i])
			}
			last = i + 1
		}
	}
	switch {
	case depth != 0:
		return nil, fmt.Errorf("a parenthesis is not closed")
	case len(parts) > mostServices:
		return nil, fmt.Errorf("more than %d brokers", mostServices)
	}
	return parts, nil
}
