package selector

import (
	"math"
	"math/big"
)

// arithmetic is a binary operator: one of + - * / and %.
type arithmetic struct {
	operator    byte
	left, right expression
}

func (o arithmetic) eval(env Env) value {
	a := o.left.eval(env)
	if a.missing() {
		return a
	}
	b := o.right.eval(env)
	switch {
	case b.missing():
		return b
	case o.operator == '+' && a.kind == stringKind:
		return concatenate(a.text, b)
	case !a.isNumber() || !b.isNumber():
		return value{}
	case o.operator == '/':
		return doubleValue(a.double() / b.double())
	case o.operator == '%':
		return doubleValue(math.Mod(a.double(), b.double()))
	case a.isFloating() || b.isFloating():
		return doubleValue(floatResult(o.operator, a.double(), b.double()))
	case a.kind == longKind || b.kind == longKind:
		return longValue(intResult(o.operator, int64(a.bits), int64(b.bits)))
	}
	return intValue(int32(intResult(o.operator, int64(a.bits), int64(b.bits))))
}

// maxText bounds a string that an expression makes.
const maxText = 1 << 20

func concatenate(s string, v value) value {
	t := v.String()
	if len(s)+len(t) > maxText {
		return value{}
	}
	return stringValue(s + t)
}

func floatResult(operator byte, a, b float64) float64 {
	switch operator {
	case '+':
		return a + b
	case '-':
		return a - b
	}
	return a * b
}

// intResult wraps around, as Java's long does. Its low 32 bits are what
// Java's int gives.
func intResult(operator byte, a, b int64) int64 {
	switch operator {
	case '+':
		return a + b
	case '-':
		return a - b
	}
	return a * b
}

// negate is a minus sign. That of a literal number is worked out at once.
func negate(e expression) expression {
	if c, ok := e.(constant); ok && c.v.isNumber() {
		return constant{negated(c.v)}
	}
	return negation{e}
}

type negation struct{ operand expression }

func (n negation) eval(env Env) value { return negated(n.operand.eval(env)) }

func negated(v value) value {
	switch v.kind {
	case intKind:
		return intValue(-int32(v.bits))
	case byteKind, shortKind:
		return intValue(-int32(int64(v.bits)))
	case longKind:
		return longValue(-int64(v.bits))
	case floatKind:
		return value{kind: floatKind, bits: math.Float64bits(-v.double())}
	case doubleKind:
		return doubleValue(-v.double())
	case bigKind:
		return negatedBig(v)
	case brokenKind:
		return v
	}
	return value{}
}

// negatedBig turns 9223372036854775808, which is beyond long, into the least
// long.
func negatedBig(v value) value {
	i := new(big.Int).Neg(v.big())
	if i.IsInt64() {
		return longValue(i.Int64())
	}
	return value{kind: bigKind, bits: -v.bits, text: i.String()}
}
