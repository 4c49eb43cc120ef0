package selector

import (
	"fmt"
	"strings"
)

// parser builds the tree by recursive descent, one method for each rule of
// ActiveMQ's grammar. After the first error every method returns at once.
type parser struct {
	lexer   lexer
	convert bool // compare strings with numbers by reading them
	depth   int  // of the rules that are open
	err     error
}

// nothing stands for an expression after an error.
var nothing = literal{}

func (p *parser) fail(offset int, format string, arguments ...any) {
	if p.err == nil {
		p.err = &SyntaxError{p.lexer.text, offset, fmt.Sprintf(format, arguments...)}
	}
}

// enter counts a level of nesting or a link of a chain.
func (p *parser) enter() bool {
	if p.depth++; p.depth > maxDepth {
		p.fail(p.lexer.start, "nested or chained more than %d deep", maxDepth)
	}
	return p.err == nil
}

// accept takes the current token if it is this keyword or symbol.
func (p *parser) accept(word string) bool {
	l := &p.lexer
	if p.err != nil || l.token < keywordToken || l.word != word {
		return false
	}
	l.next()
	return true
}

// ahead reports whether a keyword follows the current token; it looks without
// moving on.
func (p *parser) ahead(words ...string) bool {
	next := p.lexer
	next.next()
	for _, word := range words {
		if next.token >= keywordToken && next.word == word {
			return true
		}
	}
	return false
}

func (p *parser) expect(word string) {
	if !p.accept(word) {
		p.unexpected(word)
	}
}

func (p *parser) unexpected(wanted string) {
	l := &p.lexer
	switch {
	case l.token == endToken:
		p.fail(l.start, "end where %s is wanted", wanted)
	case l.token == badToken && l.word[0] == '\'':
		p.fail(l.start, "string without an end")
	default:
		p.fail(l.start, "%.50q where %s is wanted", l.word, wanted)
	}
}

// selector is the whole text.
func (p *parser) selector() (condition, error) {
	p.lexer.next()
	start := p.lexer.start
	root := p.condition(p.or(), start)
	if p.lexer.token != endToken {
		p.unexpected("an operator or the end")
	}
	return root, p.err
}

// condition makes a condition of an expression that begins at offset; only
// conditions and identifiers can be one.
func (p *parser) condition(e expression, offset int) condition {
	if c, ok := e.(condition); ok {
		return c
	}
	if !isIdentifier(e) {
		p.fail(offset, "an expression that is not a condition")
	}
	return cast{e}
}

func (p *parser) or() expression {
	return p.logic("OR", p.and, func(all []condition) expression { return or(all) })
}

func (p *parser) and() expression {
	return p.logic("AND", p.equality, func(all []condition) expression { return and(all) })
}

// logic is a chain of operands of AND or OR; one alone is itself.
func (p *parser) logic(word string, operand func() expression, join func([]condition) expression) expression {
	start := p.lexer.start
	first := operand()
	if !p.accept(word) {
		return first
	}
	all := []condition{p.condition(first, start)}
	for {
		start = p.lexer.start
		all = append(all, p.condition(operand(), start))
		if !p.accept(word) {
			return join(all)
		}
	}
}

func (p *parser) equality() expression {
	depth := p.depth
	defer func() { p.depth = depth }()
	start := p.lexer.start
	left := p.comparison()
	for p.enter() {
		switch {
		case p.accept("="):
			left = p.equal(left, start)
		case p.accept("<>"):
			left = not{p.equal(left, start)}
		case p.accept("IS"):
			negated := p.accept("NOT")
			p.expect("NULL")
			c := condition(isNull{left})
			if negated {
				c = not{c}
			}
			left = c
		default:
			return left
		}
	}
	return nothing
}

// equal reads what follows "=" or "<>".
func (p *parser) equal(left expression, start int) condition {
	at := p.lexer.start
	right := p.comparison()
	for _, operand := range []struct {
		expression
		offset int
	}{{left, start}, {right, at}} {
		if v, ok := constantOf(operand.expression); ok && v.kind == nullKind {
			p.fail(operand.offset, "NULL cannot be compared; use IS NULL")
		}
	}
	a, okA := constantOf(left)
	b, okB := constantOf(right)
	if okA && okB && a.kind == boolKind && b.kind != boolKind {
		p.fail(at, "%s cannot be compared with %s", a, b)
	}
	return equal{left, right, p.convert}
}

func (p *parser) comparison() expression {
	depth := p.depth
	defer func() { p.depth = depth }()
	start := p.lexer.start
	left := p.add()
	for p.enter() {
		if order, ok := orderOf(p.lexer.word); ok && p.lexer.token == symbolToken {
			p.lexer.next()
			left = p.ordered(left, start, order)
			continue
		}
		negated := p.lexer.token == keywordToken && p.lexer.word == "NOT" && p.ahead("LIKE", "BETWEEN", "IN")
		if negated {
			p.lexer.next()
		}
		var c condition
		switch {
		case p.accept("LIKE"):
			c = p.like(left)
			if negated {
				c = not{c}
			}
		case p.accept("BETWEEN"):
			c = p.between(left, start, negated)
		case p.accept("IN"):
			c = p.in(left, start, negated)
		default:
			return left
		}
		left = c
	}
	return nothing
}

// ordered reads what follows "<", "<=", ">" or ">=".
func (p *parser) ordered(left expression, start int, o order) condition {
	p.orderable(left, start)
	at := p.lexer.start
	right := p.add()
	p.orderable(right, at)
	return compared{left, right, o, p.convert}
}

// orderable refuses what has no order: conditions, and constants that are not
// numbers.
func (p *parser) orderable(e expression, offset int) {
	v, isConstant := constantOf(e)
	_, isCondition := e.(condition)
	if isCondition || isConstant && !v.isNumber() {
		p.fail(offset, "a value without an order is compared")
	}
}

// between reads what follows BETWEEN.
func (p *parser) between(operand expression, start int, negated bool) condition {
	p.orderable(operand, start)
	at := p.lexer.start
	low := p.add()
	p.orderable(low, at)
	p.expect("AND")
	at = p.lexer.start
	high := p.add()
	p.orderable(high, at)
	if negated {
		return or{compared{operand, low, less, p.convert}, compared{operand, high, greater, p.convert}}
	}
	return and{compared{operand, low, atLeast, p.convert}, compared{operand, high, atMost, p.convert}}
}

// like reads what follows LIKE.
func (p *parser) like(operand expression) condition {
	pattern := p.string()
	escape := noEscape
	if p.accept("ESCAPE") {
		at := p.lexer.start
		runes := []rune(p.string())
		if len(runes) != 1 || runes[0] > 0xFFFF {
			p.fail(at, "ESCAPE takes one character")
			return nothing
		}
		escape = runes[0]
	}
	return newLike(operand, pattern, escape)
}

// in reads what follows IN.
func (p *parser) in(operand expression, start int, negated bool) condition {
	if !isIdentifier(operand) {
		p.fail(start, "IN after something that is not an identifier")
	}
	p.expect("(")
	elements := []string{p.string()}
	for p.accept(",") {
		elements = append(elements, p.string())
	}
	p.expect(")")
	return newIn(operand, elements, negated)
}

// string reads a string literal.
func (p *parser) string() string {
	if p.lexer.token != stringToken {
		p.unexpected("a string")
		return ""
	}
	s := unquote(p.lexer.word)
	p.lexer.next()
	return s
}

func unquote(literal string) string {
	return strings.ReplaceAll(literal[1:len(literal)-1], "''", "'")
}
