package config

import (
	"errors"
	"fmt"
	"strings"
)

// Origin says where an element was written.
type Origin struct {
	Source string // file name, "environment NAME" or "flag --name"
	Line   int    // 0 where the source has no lines
}

// String gives "file:line" or the source alone.
func (o Origin) String() string {
	if o.Line == 0 {
		return o.Source
	}
	return fmt.Sprintf("%s:%d", o.Source, o.Line)
}

// Element is one node of a configuration, whatever its syntax: an attribute
// has Text, an element has Children, a sequence has children without names.
type Element struct {
	Name     string
	Text     string // of an attribute
	Scalar   bool   // Text counts
	Sequence bool   // Children are the items of a list
	Children []*Element
	Origin   Origin
}

// child returns the first child of that name in any case, or nil.
func (e *Element) child(name string) *Element {
	for _, c := range e.Children {
		if strings.EqualFold(c.Name, name) {
			return c
		}
	}
	return nil
}

// unwrap steps into a child of the element's own name, as XBean writes a
// property that holds one bean of the same name:
// <systemUsage><systemUsage>…</systemUsage></systemUsage>.
func (e *Element) unwrap(name string) *Element {
	if e.Scalar || e.Sequence || len(e.Children) != 1 {
		return e
	}
	if c := e.Children[0]; strings.EqualFold(c.Name, name) && !c.Scalar {
		return c
	}
	return e
}

// items returns the elements of a list: those of a sequence, or the children
// called item, each of which may be a sequence itself.
func (e *Element) items(item string) ([]*Element, error) {
	if e.Sequence {
		return e.Children, nil
	}
	if e.Scalar && e.Text != "" {
		return nil, fmt.Errorf("is a list of %s elements, not a value", item)
	}
	var items []*Element
	for _, c := range e.Children {
		switch {
		case !strings.EqualFold(c.Name, item):
			return nil, fmt.Errorf("is a list of %s elements; it cannot have %q", item, c.Name)
		case c.Sequence:
			items = append(items, c.Children...)
		default:
			items = append(items, c)
		}
	}
	return items, nil
}

// mixed returns the elements of a list whose items differ in kind, each below
// an element of its own: those of a sequence, which are that already, or all
// children, as XML has them, each of which may be a sequence itself.
func (e *Element) mixed() ([]*Element, error) {
	if e.Sequence {
		return e.Children, nil
	}
	if e.Scalar && e.Text != "" {
		return nil, errors.New("is a list of elements, not a value")
	}
	var items []*Element
	for _, c := range e.Children {
		same := []*Element{c}
		if c.Sequence {
			same = c.Children
		}
		for _, one := range same {
			named := *one
			named.Name = c.Name
			items = append(items, &Element{Origin: one.Origin, Children: []*Element{&named}})
		}
	}
	return items, nil
}

// put sets the attribute at the path, creating the elements above it.
func (e *Element) put(path []string, text string, origin Origin) {
	at := e
	for _, name := range path[:len(path)-1] {
		next := at.child(name)
		if next == nil {
			next = &Element{Name: name, Origin: origin}
			at.Children = append(at.Children, next)
		}
		at = next.unwrap(name)
	}
	name := path[len(path)-1]
	leaf := at.child(name)
	if leaf == nil {
		leaf = &Element{Name: name}
		at.Children = append(at.Children, leaf)
	}
	*leaf = Element{Name: leaf.Name, Text: text, Scalar: true, Origin: origin}
}
