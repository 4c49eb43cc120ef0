package selector

import "strings"

// token is a lexical kind. Keywords and identifiers are told apart here;
// operators and punctuation are their own text.
type token uint8

const (
	endToken token = iota
	badToken
	identifierToken
	decimalToken
	hexToken
	octalToken
	floatToken
	stringToken
	keywordToken
	symbolToken
)

// lexer cuts a selector into tokens. It holds the current one.
type lexer struct {
	text    string
	pos     int // behind the current token
	hyphens bool

	token token
	start int    // of the current token
	word  string // its text; of a keyword in upper case
}

// next moves on to the next token.
func (l *lexer) next() {
	l.skip()
	l.start = l.pos
	rest := l.text[l.pos:]
	if rest == "" {
		l.token, l.word = endToken, ""
		return
	}
	token, n := l.scan(rest)
	l.pos += n
	l.token, l.word = token, rest[:n]
	if token == identifierToken {
		if upper := strings.ToUpper(l.word); isKeyword(upper) {
			l.token, l.word = keywordToken, upper
		}
	}
}

func isKeyword(upper string) bool {
	switch upper {
	case "NOT", "AND", "OR", "BETWEEN", "LIKE", "ESCAPE", "IN", "IS",
		"TRUE", "FALSE", "NULL", "XPATH", "XQUERY":
		return true
	}
	return false
}

// skip passes over white space and comments.
func (l *lexer) skip() {
	for l.pos < len(l.text) {
		rest := l.text[l.pos:]
		n := 0
		switch {
		case strings.IndexByte(" \t\n\r\f", rest[0]) >= 0:
			n = 1
		case strings.HasPrefix(rest, "--"):
			n = strings.IndexAny(rest, "\n\r") + 1
		case strings.HasPrefix(rest, "/*"):
			if end := strings.Index(rest[2:], "*/"); end >= 0 {
				n = 2 + end + 2
			}
		}
		if n == 0 {
			return
		}
		l.pos += n
	}
}

// scan finds the token that s begins with, and its length.
func (l *lexer) scan(s string) (token, int) {
	c := s[0]
	switch {
	case c == '\'':
		return scanString(s)
	case isDigit(c) || c == '.' && len(s) > 1 && isDigit(s[1]):
		return scanNumber(s)
	case isLetter(c):
		n := 1
		for n < len(s) && (isLetter(s[n]) || isDigit(s[n]) || l.hyphens && s[n] == '-') {
			n++
		}
		return identifierToken, n
	case strings.HasPrefix(s, "<>"), strings.HasPrefix(s, "<="), strings.HasPrefix(s, ">="):
		return symbolToken, 2
	case strings.IndexByte("=<>+-*/%(),", c) >= 0:
		return symbolToken, 1
	}
	return badToken, 1
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '$'
}

// scanString finds the end of a string, in which a doubled quote is a quote.
func scanString(s string) (token, int) {
	for i := 1; i < len(s); i++ {
		if s[i] != '\'' {
			continue
		}
		if i+1 == len(s) || s[i+1] != '\'' {
			return stringToken, i + 1
		}
		i++
	}
	return badToken, len(s)
}

// scanNumber finds the longest literal: 5, 5L, 0x1F, 017, 5.5, 5., .5, 5E10.
func scanNumber(s string) (token, int) {
	if len(s) > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') && isHex(s[2]) {
		n := 3
		for n < len(s) && isHex(s[n]) {
			n++
		}
		return hexToken, n
	}
	n := digits(s)
	if n < len(s) && s[n] == '.' {
		n++
		n += digits(s[n:])
		return floatToken, n + exponent(s[n:])
	}
	if e := exponent(s[n:]); e > 0 {
		return floatToken, n + e
	}
	if s[0] == '0' {
		n = 1
		for n < len(s) && s[n] >= '0' && s[n] <= '7' {
			n++
		}
		return octalToken, n
	}
	if n < len(s) && (s[n] == 'l' || s[n] == 'L') {
		n++
	}
	return decimalToken, n
}

func isHex(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func digits(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

// exponent gives the length of "E10" or "e-10"; 0 if there is none.
func exponent(s string) int {
	if s == "" || s[0] != 'e' && s[0] != 'E' {
		return 0
	}
	n := 1
	if n < len(s) && (s[n] == '+' || s[n] == '-') {
		n++
	}
	if d := digits(s[n:]); d > 0 {
		return n + d
	}
	return 0
}
