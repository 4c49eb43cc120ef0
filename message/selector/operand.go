package selector

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

func (p *parser) add() expression {
	return p.chain(p.multiply, "+-")
}

func (p *parser) multiply() expression {
	return p.chain(p.unary, "*/%")
}

// chain is a chain of left-associative operators, each a single character.
func (p *parser) chain(operand func() expression, operators string) expression {
	depth := p.depth
	defer func() { p.depth = depth }()
	left := operand()
	for p.enter() {
		l := &p.lexer
		if l.token != symbolToken || len(l.word) != 1 || !strings.Contains(operators, l.word) {
			return left
		}
		operator := l.word[0]
		l.next()
		left = arithmetic{operator, left, operand()}
	}
	return nothing
}

func (p *parser) unary() expression {
	if !p.enter() {
		return nothing
	}
	defer func() { p.depth-- }()
	l := &p.lexer
	switch {
	case p.accept("+"):
		return p.unary()
	case p.accept("-"):
		return negate(p.unary())
	case p.accept("NOT"):
		at := l.start
		return not{p.condition(p.unary(), at)}
	case l.token == keywordToken && (l.word == "XPATH" || l.word == "XQUERY"):
		p.fail(l.start, "%s is not supported: select by properties instead", l.word)
		return nothing
	case l.token == identifierToken && p.ahead("("):
		return p.call()
	}
	return p.primary()
}

func (p *parser) primary() expression {
	l := &p.lexer
	switch l.token {
	case identifierToken:
		e := identifier(l.word)
		l.next()
		return e
	case stringToken:
		return constant{stringValue(p.string())}
	case decimalToken, hexToken, octalToken, floatToken:
		v, ok := number(l.token, l.word)
		if !ok {
			p.fail(l.start, "number %.50s is out of range", l.word)
		}
		l.next()
		return constant{v}
	}
	switch {
	case p.accept("TRUE"):
		return literal{constant{yes.value()}}
	case p.accept("FALSE"):
		return literal{constant{no.value()}}
	case p.accept("NULL"):
		return literal{}
	case p.accept("("):
		e := p.or()
		p.expect(")")
		return e
	}
	p.unexpected("a value")
	return nothing
}

// number reads a literal. Integers are an int if they fit, else a long, else,
// in decimal alone, a number without bound. (ActiveMQ: ConstantExpression)
func number(t token, word string) (value, bool) {
	switch t {
	case floatToken:
		f, err := strconv.ParseFloat(word, 64)
		return doubleValue(f), err == nil || math.IsInf(f, 0)
	case hexToken:
		i, err := strconv.ParseInt(word[2:], 16, 64)
		return integer(i), err == nil
	case octalToken:
		i, err := strconv.ParseInt(word, 8, 64)
		return integer(i), err == nil
	}
	word = strings.TrimRight(word, "lL")
	i, err := strconv.ParseInt(word, 10, 64)
	if err == nil {
		return integer(i), true
	}
	return bigInteger(word)
}

func integer(i int64) value {
	if i == int64(int32(i)) {
		return intValue(int32(i))
	}
	return longValue(i)
}

// maxDigits bounds a number beyond long: double ends at 10^308.
const maxDigits = 400

func bigInteger(digits string) (value, bool) {
	if len(digits) > maxDigits {
		return value{}, false
	}
	i, ok := new(big.Int).SetString(digits, 10)
	if !ok {
		return value{}, false
	}
	low := new(big.Int).And(i, new(big.Int).SetUint64(math.MaxUint64)).Uint64()
	return value{kind: bigKind, bits: low, text: i.String()}, true
}
