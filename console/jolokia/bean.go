package jolokia

import (
	"context"
	"errors"
)

// Bean is something that can be looked at.
type Bean struct {
	Name  Name
	Class *Class
	// Subject is what the class's functions are called with.
	Subject any
}

// Class is what beans of one kind have in common. It is not changed once it is
// in use.
type Class struct {
	Name       string // of Java
	Attributes []Attribute
	Operations []Operation
}

// Attribute is a value of a bean.
type Attribute struct {
	Name        string
	Type        string // of Java
	Description string
	// Get returns what JSON can hold, a [Ref], or lists and maps of these.
	Get func(subject any) any
}

// Operation is something that a bean can do. Several may have one name.
type Operation struct {
	Name        string
	Arguments   []Argument
	Returns     string // Java's type
	Description string
	// Do gets arguments of the types that Arguments have: string, int, or nil
	// for Java's null. An error that is no *Error becomes a java.lang.Exception.
	Do func(ctx context.Context, subject any, arguments []any) (any, error)
}

// Argument is a parameter of an operation; its type is java.lang.String or int.
type Argument struct{ Name, Type, Description string }

// Beans is what is served. It is asked by one request at a time, for which it
// may keep what it knows.
type Beans interface {
	// Each calls f with every bean that a pattern matches, by name.
	Each(pattern Name, f func(*Bean))
	// Find returns the bean of a name that is no pattern, or nil.
	Find(name Name) *Bean
	// Changed is called after each operation: what is known is out of date.
	Changed()
}

// Ref is an attribute's value that names another bean. Jolokia shows these as
// objects.
type Ref struct{ Name Name }

func (c *Class) attribute(name string) *Attribute {
	for i := range c.Attributes {
		if c.Attributes[i].Name == name {
			return &c.Attributes[i]
		}
	}
	return nil
}

// read returns the value of an attribute.
func (b *Bean) read(name string) (any, *Error) {
	if a := b.Class.attribute(name); a != nil {
		return a.Get(b.Subject), nil
	}
	return nil, noAttribute(name)
}

// asError is err as an answer has it.
func asError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{500, plainException, err.Error()}
}
