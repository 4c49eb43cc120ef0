package selector

import (
	"strings"
	"unicode/utf8"
)

const noEscape rune = -1

// like matches a string with a pattern in which "%" stands for any characters
// and "_" for one. A value that is not a string does not match.
type like struct {
	operand expression
	// parts are what stands between the "%" of the pattern; at least one.
	parts []likePart
}

// likePart is a run of characters without "%".
type likePart struct {
	text string
	// exact says that text is to be taken as it is. Otherwise wild marks which
	// of its characters are "_".
	exact bool
	wild  []bool
}

func newLike(operand expression, pattern string, escape rune) condition {
	l := like{operand: operand}
	var text strings.Builder
	var wild []bool
	exact := true
	flush := func() {
		l.parts = append(l.parts, likePart{text.String(), exact, wild})
		text.Reset()
		wild, exact = nil, true
	}
	runes := []rune(pattern)
	for i := 0; i < len(runes); i++ {
		r := runes[i]
		literal := false
		if r == escape && i+1 < len(runes) && (runes[i+1] == '_' || runes[i+1] == '%' || runes[i+1] == escape) {
			i++
			r, literal = runes[i], true
		}
		if r == '%' && !literal {
			flush()
			continue
		}
		text.WriteRune(r)
		wild = append(wild, r == '_' && !literal)
		exact = exact && (r != '_' || literal)
	}
	flush()
	return l
}

func (l like) eval(env Env) value { return l.test(env).value() }

func (l like) test(env Env) truth {
	v := l.operand.eval(env)
	switch {
	case v.missing():
		return unknown
	case v.kind != stringKind:
		return no
	}
	return truthOf(l.matches(v.text))
}

// matches places the first part at the beginning, the last at the end, and the
// others one after the other at the first place where they fit, which is best:
// it leaves the most for what follows.
func (l like) matches(s string) bool {
	n, ok := l.parts[0].prefix(s)
	if !ok {
		return false
	}
	s = s[n:]
	if len(l.parts) == 1 {
		return s == ""
	}
	last := len(l.parts) - 1
	for _, part := range l.parts[1:last] {
		end := part.find(s)
		if end < 0 {
			return false
		}
		s = s[end:]
	}
	return l.parts[last].isSuffix(s)
}

// prefix gives the bytes at the beginning of s that the part matches.
func (p likePart) prefix(s string) (n int, ok bool) {
	if p.exact {
		return len(p.text), strings.HasPrefix(s, p.text)
	}
	i := 0
	for _, want := range p.text {
		got, size := utf8.DecodeRuneInString(s[n:])
		if size == 0 || got != want && !p.wild[i] {
			return 0, false
		}
		n += size
		i++
	}
	return n, true
}

// find gives the end of the part's first match in s, or -1.
func (p likePart) find(s string) int {
	if p.exact {
		if i := strings.Index(s, p.text); i >= 0 {
			return i + len(p.text)
		}
		return -1
	}
	for i := 0; ; {
		if n, ok := p.prefix(s[i:]); ok {
			return i + n
		}
		_, size := utf8.DecodeRuneInString(s[i:])
		if size == 0 {
			return -1
		}
		i += size
	}
}

func (p likePart) isSuffix(s string) bool {
	if p.exact {
		return strings.HasSuffix(s, p.text)
	}
	start := len(s)
	for range p.wild {
		_, size := utf8.DecodeLastRuneInString(s[:start])
		if size == 0 {
			return false
		}
		start -= size
	}
	n, ok := p.prefix(s[start:])
	return ok && start+n == len(s)
}
