package selector

import (
	"cmp"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// equal is "=". (ActiveMQ: ComparisonExpression.EqualsExpression)
type equal struct {
	left, right expression
	convert     bool
}

func (e equal) eval(env Env) value { return e.test(env).value() }

func (e equal) test(env Env) truth {
	a, b := e.left.eval(env), e.right.eval(env)
	switch {
	case a.kind == brokenKind || b.kind == brokenKind:
		return unknown
	case a.kind == nullKind && b.kind == nullKind:
		return yes
	case a.kind == nullKind:
		return unknown
	case b.kind == nullKind:
		return no
	}
	c, ok := compare(a, b, e.convert)
	return truthOf(ok && c == 0)
}

// order is a comparison operator other than = and <>.
type order uint8

const (
	less order = iota
	atMost
	greater
	atLeast
)

func orderOf(symbol string) (order, bool) {
	switch symbol {
	case "<":
		return less, true
	case "<=":
		return atMost, true
	case ">":
		return greater, true
	case ">=":
		return atLeast, true
	}
	return 0, false
}

func (o order) holds(c int) bool {
	switch o {
	case less:
		return c < 0
	case atMost:
		return c <= 0
	case greater:
		return c > 0
	}
	return c >= 0
}

// compared is "<", "<=", ">" or ">=".
type compared struct {
	left, right expression
	order       order
	convert     bool
}

func (c compared) eval(env Env) value { return c.test(env).value() }

func (c compared) test(env Env) truth {
	a := c.left.eval(env)
	if a.missing() {
		return unknown
	}
	b := c.right.eval(env)
	if b.missing() {
		return unknown
	}
	n, ok := compare(a, b, c.convert)
	return truthOf(ok && c.order.holds(n))
}

// compare orders two values that are not null; false says that they have no
// order, which makes every comparison false.
func compare(a, b value, convert bool) (int, bool) {
	switch {
	case a.isNumber() && b.isNumber():
		return compareNumbers(a, b)
	case a.kind == stringKind && b.kind == stringKind:
		return strings.Compare(a.text, b.text), true
	case a.kind == boolKind && b.kind == boolKind:
		return cmp.Compare(a.bits, b.bits), true
	case a.kind == listKind && b.kind == listKind:
		return 0, equalLists(a.list, b.list)
	case convert && a.kind == stringKind:
		return compareRead(a.text, b, func(a, b value) (int, bool) { return compare(a, b, false) })
	case convert && b.kind == stringKind:
		return compareRead(b.text, a, func(b, a value) (int, bool) { return compare(a, b, false) })
	}
	return 0, false
}

// compareRead reads text as a value of the other's type.
func compareRead(text string, other value, compare func(read, other value) (int, bool)) (int, bool) {
	read, ok := readAs(text, other.kind)
	if !ok {
		return 0, false
	}
	return compare(read, other)
}

// readAs reads a string as Java's valueOf of the kind does.
func readAs(text string, k kind) (value, bool) {
	bits := 64
	switch k {
	case boolKind:
		return truthOf(strings.EqualFold(text, "true")).value(), true
	case byteKind:
		bits = 8
	case shortKind:
		bits = 16
	case intKind:
		bits = 32
	case longKind:
	case floatKind, doubleKind:
		return readFloat(text, k)
	default:
		return value{}, false
	}
	i, err := strconv.ParseInt(text, 10, bits)
	return value{kind: k, bits: uint64(i)}, err == nil
}

func readFloat(text string, k kind) (value, bool) {
	text = strings.TrimRight(strings.TrimSpace(text), "dDfF")
	bits := 64
	if k == floatKind {
		bits = 32
	}
	f, err := strconv.ParseFloat(text, bits)
	return value{kind: k, bits: math.Float64bits(f)}, err == nil || math.IsInf(f, 0)
}

// compareNumbers promotes as Java does: to double, else to float, else to long.
func compareNumbers(a, b value) (int, bool) {
	switch {
	case a.kind == doubleKind || b.kind == doubleKind:
		return compareFloats(a.double(), b.double()), true
	case a.kind == floatKind || b.kind == floatKind:
		return compareFloats(a.float(), b.float()), true
	case a.kind == bigKind || b.kind == bigKind:
		return a.big().Cmp(b.big()), true
	}
	return cmp.Compare(int64(a.bits), int64(b.bits)), true
}

func (v value) big() *big.Int {
	if v.kind != bigKind {
		return big.NewInt(int64(v.bits))
	}
	i, ok := new(big.Int).SetString(v.text, 10)
	if !ok {
		return new(big.Int) // not reached: text is digits
	}
	return i
}

// compareFloats is Java's Double.compare: -0 is below 0, and NaN equals itself
// and is above all.
func compareFloats(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	case math.IsNaN(a) || math.IsNaN(b):
		return cmp.Compare(boolInt(math.IsNaN(a)), boolInt(math.IsNaN(b)))
	}
	return cmp.Compare(boolInt(math.Signbit(b)), boolInt(math.Signbit(a)))
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func equalLists(a, b []value) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !identical(a[i], b[i]) {
			return false
		}
	}
	return true
}

// identical is Java's equals, for which numbers of different types differ.
func identical(a, b value) bool {
	if a.kind != b.kind || a.kind == otherKind {
		return false
	}
	c, ok := compare(a, b, false)
	return a.missing() || ok && c == 0
}
