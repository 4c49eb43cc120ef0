package selector

import "slices"

// manyElements is from where on a list is searched by hash.
const manyElements = 9

// in looks a string up in a list of strings. A value that is not a string
// makes it unknown, negated or not.
type in struct {
	operand  expression
	elements []string            // if there are few
	set      map[string]struct{} // if there are many
	negated  bool
}

func newIn(operand expression, elements []string, negated bool) condition {
	i := in{operand: operand, negated: negated}
	if len(elements) < manyElements {
		i.elements = elements
		return i
	}
	i.set = make(map[string]struct{}, len(elements))
	for _, element := range elements {
		i.set[element] = struct{}{}
	}
	return i
}

func (i in) eval(env Env) value { return i.test(env).value() }

func (i in) test(env Env) truth {
	v := i.operand.eval(env)
	if v.kind != stringKind {
		return unknown
	}
	found := false
	if i.set != nil {
		_, found = i.set[v.text]
	} else {
		found = slices.Contains(i.elements, v.text)
	}
	return truthOf(found != i.negated)
}
