package selector

import (
	"regexp"
	"strconv"
	"strings"
)

// function is one of ActiveMQ's functions that are not of SQL. (ActiveMQ:
// org.apache.activemq.filter.function)
type function struct {
	least, most int // arguments
	condition   bool
	pattern     int // the argument that is a regular expression; -1 none
	apply       func(c call, env Env) value
}

// anyNumber of arguments, but for the bound on nesting and length.
const anyNumber = 1000

func functionOf(name string) (function, bool) {
	switch name {
	case "REGEX":
		return function{2, 2, true, 0, call.regex}, true
	case "REPLACE":
		return function{3, 3, false, 1, call.replace}, true
	case "SPLIT":
		return function{2, 3, false, 1, call.split}, true
	case "MAKELIST":
		return function{1, anyNumber, false, -1, call.makeList}, true
	case "INLIST":
		return function{2, 2, true, -1, call.inList}, true
	}
	return function{}, false
}

// call is the call of a function.
type call struct {
	function  function
	arguments []expression
	compiled  *regexp.Regexp // if the pattern is a constant
}

func (c call) eval(env Env) value { return c.function.apply(c, env) }

// callCondition is the call of a function that is true or false.
type callCondition struct{ call }

func (c callCondition) test(env Env) truth { return c.eval(env).truth() }

// call reads a function call; the current token is its name.
func (p *parser) call() expression {
	at, name := p.lexer.start, p.lexer.word
	f, ok := functionOf(name)
	if !ok {
		p.fail(at, "there is no function %.50q", name)
	}
	p.lexer.next()
	p.expect("(")
	c := call{function: f, arguments: []expression{p.unary()}}
	for p.accept(",") {
		c.arguments = append(c.arguments, p.unary())
	}
	p.expect(")")
	if n := len(c.arguments); ok && (n < f.least || n > f.most) {
		p.fail(at, "%s does not take %d arguments", name, n)
	}
	if p.err != nil {
		return nothing
	}
	if f.pattern >= 0 {
		if v, isConstant := constantOf(c.arguments[f.pattern]); isConstant {
			if c.compiled, ok = compile(v); !ok {
				p.fail(at, "%s takes no pattern %.50q", name, v)
			}
		}
	}
	if f.condition {
		return callCondition{c}
	}
	return c
}

// maxPattern bounds a regular expression.
const maxPattern = 4096

func compile(v value) (*regexp.Regexp, bool) {
	if v.missing() || v.kind == listKind {
		return nil, false
	}
	text := v.String()
	if len(text) > maxPattern {
		return nil, false
	}
	re, err := regexp.Compile(text)
	return re, err == nil
}

// expression is the compiled pattern of a call.
func (c call) expression(env Env) (*regexp.Regexp, bool) {
	if c.compiled != nil {
		return c.compiled, true
	}
	return compile(c.arguments[c.function.pattern].eval(env))
}

// regex reports whether the pattern is found anywhere in the second argument.
func (c call) regex(env Env) value {
	re, ok := c.expression(env)
	if !ok {
		return no.value()
	}
	v := c.arguments[1].eval(env)
	return truthOf(!v.missing() && re.MatchString(v.String())).value()
}

func (c call) replace(env Env) value {
	source := c.arguments[0].eval(env)
	replacement := c.arguments[2].eval(env)
	re, ok := c.expression(env)
	if !ok || source.kind != stringKind || replacement.kind != stringKind {
		return value{}
	}
	template, ok := goTemplate(replacement.text, re.NumSubexp())
	if !ok {
		return value{}
	}
	var out []byte
	last := 0
	for _, match := range re.FindAllStringSubmatchIndex(source.text, -1) {
		out = append(out, source.text[last:match[0]]...)
		out = re.ExpandString(out, template, source.text, match)
		last = match[1]
		if len(out) > maxText {
			return value{}
		}
	}
	return stringValue(string(append(out, source.text[last:]...)))
}

// goTemplate rewrites a replacement from Java's form, in which a backslash
// takes the next character as it is and $n is a group of as many digits as
// name one.
func goTemplate(java string, groups int) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(java); i++ {
		c := java[i]
		switch {
		case c == '\\' && i+1 < len(java):
			i++
			if c = java[i]; c == '$' {
				b.WriteByte('$')
			}
			b.WriteByte(c)
		case c == '\\':
			return "", false
		case c == '$':
			n := groupDigits(java[i+1:], groups)
			if n == 0 {
				return "", false
			}
			b.WriteString("${" + java[i+1:i+1+n] + "}")
			i += n
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), true
}

func groupDigits(s string, groups int) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		if number, err := strconv.Atoi(s[:n+1]); err != nil || number > groups {
			break
		}
		n++
	}
	return n
}

// split is Java's String.split.
func (c call) split(env Env) value {
	source := c.arguments[0].eval(env)
	re, ok := c.expression(env)
	if !ok || source.kind != stringKind {
		return value{}
	}
	limit := 0
	if len(c.arguments) > 2 {
		v := c.arguments[2].eval(env)
		if v.kind != intKind {
			return value{}
		}
		limit = int(int32(v.bits))
	}
	return value{kind: listKind, list: splitJava(re, source.text, limit)}
}

func splitJava(re *regexp.Regexp, s string, limit int) []value {
	var parts []value
	last := 0
	for _, match := range re.FindAllStringIndex(s, -1) {
		if limit > 0 && len(parts) == limit-1 {
			break
		}
		if match[1] == 0 || match[0] == match[1] && match[0] == len(s) {
			continue // nothing matched at the beginning or the end
		}
		parts = append(parts, stringValue(s[last:match[0]]))
		last = match[1]
	}
	if parts == nil {
		return []value{stringValue(s)}
	}
	parts = append(parts, stringValue(s[last:]))
	for limit == 0 && len(parts) > 0 && parts[len(parts)-1].text == "" {
		parts = parts[:len(parts)-1]
	}
	return parts
}

func (c call) makeList(env Env) value {
	list := make([]value, len(c.arguments))
	for i, argument := range c.arguments {
		list[i] = argument.eval(env)
	}
	return value{kind: listKind, list: list}
}

// inList reports whether the second argument is in the list that is the first.
func (c call) inList(env Env) value {
	list, v := c.arguments[0].eval(env), c.arguments[1].eval(env)
	if list.kind != listKind {
		return value{}
	}
	for _, element := range list.list {
		if !element.missing() && identical(element, v) {
			return yes.value()
		}
	}
	return no.value()
}
