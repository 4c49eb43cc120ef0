package selector

import (
	"errors"
	"fmt"
	"strings"

	"github.com/conclavemq/conclave/message"
)

// Bounds of what Parse accepts.
const (
	// MaxLength is the longest selector, in bytes.
	MaxLength = 256 << 10
	// maxDepth bounds nesting, and the length of chains of operators other
	// than AND and OR.
	maxDepth = 1000
)

// ErrInvalid reports a text that is not a selector. The error is a
// *SyntaxError. (javax.jms.InvalidSelectorException)
var ErrInvalid = errors.New("invalid selector")

// SyntaxError says where and why a text is not a selector.
type SyntaxError struct {
	Text   string // the whole selector
	Offset int    // in bytes
	Reason string
}

// Error gives the reason, the offset and the first part of the text.
func (e *SyntaxError) Error() string {
	const shown = 200
	text := e.Text
	if len(text) > shown {
		text = text[:shown] + "…"
	}
	return fmt.Sprintf("invalid selector: %s at offset %d of %q", e.Reason, e.Offset, text)
}

// Is makes a SyntaxError an ErrInvalid.
func (e *SyntaxError) Is(target error) bool { return target == ErrInvalid }

// Env is what a selector is applied to: one delivery of a message.
type Env struct {
	Message *message.Message
	// RedeliveryCounter is the delivery's own, which JMSRedelivered and
	// JMSXDeliveryCount tell; usually Message.RedeliveryCounter.
	RedeliveryCounter int32
}

// Of is the environment of a message that is delivered as it was stored.
func Of(m *message.Message) Env { return Env{m, m.RedeliveryCounter} }

// Selector is a parsed selector.
type Selector struct {
	text string
	root condition
}

// Parse reads a selector. A text that is not one gives a *SyntaxError.
func Parse(text string) (*Selector, error) {
	if len(text) > MaxLength {
		return nil, &SyntaxError{text, MaxLength, fmt.Sprintf("longer than %d bytes", MaxLength)}
	}
	p := parser{lexer: lexer{text: text}}
	p.prefixes()
	root, err := p.selector()
	if err != nil {
		return nil, err
	}
	return &Selector{text, root}, nil
}

// String returns the text that was parsed.
func (s *Selector) String() string { return s.text }

// Matches reports whether the selector is true of env. Properties that cannot
// be read are unknown.
func (s *Selector) Matches(env Env) bool { return s.root.test(env) == yes }

// prefixes reads the options that stand before a selector.
func (p *parser) prefixes() {
	for {
		rest := p.lexer.text[p.lexer.pos:]
		name, _, ok := strings.Cut(rest, ":")
		if !ok {
			return
		}
		switch name {
		case "convert_string_expressions":
			p.convert = true
		case "no_convert_string_expressions":
			p.convert = false
		case "hyphenated_props":
			p.lexer.hyphens = true
		case "no_hyphenated_props":
			p.lexer.hyphens = false
		default:
			return
		}
		p.lexer.pos += len(name) + 1
	}
}

// truth is one of SQL's three truth values.
type truth uint8

const (
	unknown truth = iota
	no
	yes
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

func (t truth) not() truth {
	switch t {
	case yes:
		return no
	case no:
		return yes
	}
	return unknown
}

// value is what t is as a value: a boolean or null.
func (t truth) value() value {
	switch t {
	case yes:
		return value{kind: boolKind, bits: 1}
	case no:
		return value{kind: boolKind}
	}
	return value{}
}

// expression is a node that has a value.
type expression interface {
	eval(env Env) value
}

// condition is a node that is true, false or unknown; ActiveMQ's
// BooleanExpression.
type condition interface {
	expression
	test(env Env) truth
}
