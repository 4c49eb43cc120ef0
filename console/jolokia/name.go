package jolokia

import (
	"slices"
	"strings"
)

// Name is the name of a bean, or a pattern that many may match. (Java:
// javax.management.ObjectName)
type Name struct {
	domain string
	keys   []property // in the order in which they were given
	others bool       // ends with ",*": further keys are allowed
	wild   bool       // the domain or a value is a pattern
}

type property struct {
	key, value string
	wild       bool
}

// NewName makes a name of a domain and pairs of key and value, which must be
// such as Java allows: see [Encode].
func NewName(domain string, pairs ...string) Name {
	n := Name{domain: domain}
	for i := 0; i+1 < len(pairs); i += 2 {
		n.keys = append(n.keys, property{key: pairs[i], value: pairs[i+1]})
	}
	return n
}

// With is the name with a further pair.
func (n Name) With(pairs ...string) Name {
	more := NewName("", pairs...)
	return Name{domain: n.domain, keys: append(slices.Clip(n.keys), more.keys...)}
}

// Encode makes a text a value of a name. (ActiveMQ: JMXSupport)
func Encode(text string) string { return encoder.Replace(text) }

var encoder = strings.NewReplacer(":", "_", ",", "_", "'", "_", `"`, "_", "?", "&qe;", "=", "&amp;", "*", "&ast;", "\n", "_")

// maxName bounds the length of a name that is parsed.
const maxName = 8 << 10

// ParseName reads a name; the error has Java's words.
func ParseName(text string) (Name, error) {
	if text == "" {
		text = "*:*"
	}
	if len(text) > maxName {
		return Name{}, invalid("Domain part must be specified")
	}
	domain, list, ok := strings.Cut(text, ":")
	if !ok || list == "" {
		return Name{}, invalid("Key properties cannot be empty")
	}
	if strings.Contains(domain, "\n") {
		return Name{}, invalid(`Invalid character '\n' in domain name`)
	}
	n := Name{domain: domain, wild: isWild(domain)}
	for rest := list; ; {
		var err error
		if rest, err = n.next(rest); err != nil {
			return Name{}, err
		}
		if rest == "" {
			return n, nil
		}
		if rest = rest[1:]; rest == "" {
			return Name{}, invalid("Invalid ending comma")
		}
	}
}

func invalid(text string) *Error { return badRequest("Invalid object name. %s", text) }

// next reads one pair; what remains is "" or begins with a comma.
func (n *Name) next(text string) (rest string, err error) {
	if text[0] == '*' && (len(text) == 1 || text[1] == ',') {
		if n.others {
			return "", invalid("Cannot have several '*' characters in pattern property list")
		}
		n.others = true
		return text[1:], nil
	}
	end := strings.IndexAny(text, "=,:*?\n")
	switch {
	case end < 0:
		return "", invalid("Unterminated key property part")
	case text[end] != '=':
		return "", invalid("Invalid character '" + shown(text[end]) + "' in key part of property")
	case end == 0:
		return "", invalid("Invalid key (empty)")
	}
	p := property{key: text[:end]}
	if p.value, rest, err = value(text[end+1:]); err != nil {
		return "", err
	}
	if _, ok := n.get(p.key); ok {
		return "", invalid("key `" + p.key + "' already defined")
	}
	p.wild = isWild(p.value)
	n.keys = append(n.keys, p)
	return rest, nil
}

// value reads the value that text begins with.
func value(text string) (value, rest string, err error) {
	if strings.HasPrefix(text, `"`) {
		return quoted(text)
	}
	end := strings.IndexAny(text, ",=:\"\n")
	switch {
	case end < 0:
		return text, "", nil
	case text[end] != ',':
		return "", "", invalid("Invalid character '" + shown(text[end]) + "' in value part of property")
	}
	return text[:end], text[end:], nil
}

func quoted(text string) (value, rest string, err error) {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			if i++; i == len(text) || !strings.ContainsRune(`\"?*n`, rune(text[i])) {
				return "", "", invalid("Invalid escape sequence in quoted value")
			}
		case '"':
			if i++; i < len(text) && text[i] != ',' {
				return "", "", invalid("Invalid ending character `" + shown(text[i]) + "'")
			}
			return text[:i], text[i:], nil
		}
	}
	return "", "", invalid("Unterminated quoted value")
}

func shown(c byte) string {
	if c == '\n' {
		return `\n`
	}
	return string(c)
}

// isWild reports wildcards that are not escaped in a quoted value.
func isWild(text string) bool {
	if !strings.HasPrefix(text, `"`) {
		return strings.ContainsAny(text, "*?")
	}
	return strings.ContainsAny(strings.NewReplacer(`\\`, "", `\*`, "", `\?`, "").Replace(text), "*?")
}

func (n *Name) get(key string) (string, bool) {
	for i := range n.keys {
		if n.keys[i].key == key {
			return n.keys[i].value, true
		}
	}
	return "", false
}

// Get is a key's value, "" if there is none.
func (n Name) Get(key string) string {
	value, _ := n.get(key)
	return value
}

// Exact is a key's value if only that value can match; a key that n lacks, or
// has a pattern of, is not exact.
func (n Name) Exact(key string) (string, bool) {
	value, ok := n.get(key)
	return value, ok && !isWild(value)
}

// IsPattern reports whether it may match more than one name.
func (n Name) IsPattern() bool {
	return n.wild || n.others || slices.ContainsFunc(n.keys, func(p property) bool { return p.wild })
}

// String is the name with its keys as they were given.
func (n Name) String() string { return n.domain + ":" + n.list(n.keys) }

// Canonical is the name with its keys in order.
func (n Name) Canonical() string { return n.domain + ":" + n.canonicalKeys() }

func (n Name) canonicalKeys() string {
	return n.list(slices.SortedFunc(slices.Values(n.keys), func(a, b property) int { return strings.Compare(a.key, b.key) }))
}

func (n Name) list(keys []property) string {
	var out strings.Builder
	for i, p := range keys {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString(p.key + "=" + p.value)
	}
	switch {
	case n.others && len(keys) > 0:
		out.WriteString(",*")
	case n.others:
		out.WriteByte('*')
	}
	return out.String()
}

// Matches reports whether n, which may be a pattern, matches a name that is
// none.
func (n Name) Matches(name *Name) bool {
	if n.domain != name.domain && !glob(n.domain, name.domain) || len(n.keys) > len(name.keys) || !n.others && len(n.keys) != len(name.keys) {
		return false
	}
	for i := range n.keys {
		p := &n.keys[i]
		value, ok := name.get(p.key)
		if !ok || p.value != value && !(p.wild && glob(p.value, value)) {
			return false
		}
	}
	return true
}

// glob matches with * and ?. Its time is at most the product of the lengths.
func glob(pattern, text string) bool {
	p, t, star, mark := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
