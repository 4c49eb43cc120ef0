package selector

// constant is a number or a string.
type constant struct{ v value }

func (c constant) eval(Env) value { return c.v }

// literal is TRUE, FALSE or NULL, the constants that are conditions.
type literal struct{ constant }

func (l literal) test(Env) truth { return l.v.truth() }

// constantOf returns the value of an expression that is a constant.
func constantOf(e expression) (value, bool) {
	switch e := e.(type) {
	case constant:
		return e.v, true
	case literal:
		return e.v, true
	}
	return value{}, false
}

// or is true if one of its operands is, and false if all are.
type or []condition

func (o or) eval(env Env) value { return o.test(env).value() }

func (o or) test(env Env) truth {
	result := no
	for _, c := range o {
		switch c.test(env) {
		case yes:
			return yes
		case unknown:
			result = unknown
		}
	}
	return result
}

// and is false if one of its operands is, and true if all are.
type and []condition

func (a and) eval(env Env) value { return a.test(env).value() }

func (a and) test(env Env) truth {
	result := yes
	for _, c := range a {
		switch c.test(env) {
		case no:
			return no
		case unknown:
			result = unknown
		}
	}
	return result
}

type not struct{ operand condition }

func (n not) eval(env Env) value { return n.test(env).value() }
func (n not) test(env Env) truth { return n.operand.test(env).not() }

// cast is an identifier as a condition.
type cast struct{ operand expression }

func (c cast) eval(env Env) value { return c.test(env).value() }
func (c cast) test(env Env) truth { return c.operand.eval(env).truth() }

type isNull struct{ operand expression }

func (i isNull) eval(env Env) value { return i.test(env).value() }

func (i isNull) test(env Env) truth {
	v := i.operand.eval(env)
	if v.kind == brokenKind {
		return unknown
	}
	return truthOf(v.kind == nullKind)
}
