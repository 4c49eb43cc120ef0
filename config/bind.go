package config

import (
	"reflect"
	"strings"

	"github.com/conclavemq/conclave/internal/spelling"
)

// binder fills the model from elements and collects what is wrong.
type binder struct {
	properties Properties
	origins    map[string]Origin // by path, in the names of the model
	errors     []error
	warnings   []string
}

func (b *binder) fail(err *Error) { b.errors = append(b.errors, err) }

// bind fills the struct v from the children of e. path is the path of e.
func (b *binder) bind(e *Element, v reflect.Value, path string) {
	b.origins[path] = e.Origin
	if e.Sequence || e.Scalar && e.Text != "" {
		b.fail(fault(e.Origin, path, ErrValue, "is an element with attributes, not a %s", shape(e)))
		return
	}
	s := schemaOf(v.Type())
	for _, c := range e.Children {
		if f, ok := s.find(c.Name); ok {
			b.bindField(c, f, v.FieldByIndex(f.index), path)
			continue
		}
		b.refuse(c, s, path)
	}
}

func shape(e *Element) string {
	if e.Sequence {
		return "list"
	}
	return "value"
}

// refuse reports a name that has no field.
func (b *binder) refuse(c *Element, s schema, path string) {
	for name, o := range s.others {
		if !strings.EqualFold(name, c.Name) {
			continue
		}
		at := join(path, name)
		switch {
		case c.Scalar && o.isStandard(b.expanded(c, at)):
		case o.tuning:
			b.warnings = append(b.warnings, c.Origin.String()+": "+at+" has no effect: "+o.reason)
		default:
			b.fail(fault(c.Origin, at, ErrUnsupported, "is not supported: %s", o.reason))
		}
		return
	}
	at := join(path, c.Name)
	if near := spelling.Nearest(c.Name, s.names()); near != "" {
		b.fail(fault(c.Origin, at, ErrUnknown, "is not known; did you mean %s?", near))
		return
	}
	b.fail(fault(c.Origin, at, ErrUnknown, "is not known"))
}

// bindField fills one field of the model.
func (b *binder) bindField(c *Element, f field, v reflect.Value, above string) {
	path := join(above, f.name)
	switch f.kind {
	case kindElement:
		b.bind(c.unwrap(f.name), v, path)
	case kindChoice:
		made := newModel(v.Type().Elem())
		b.bind(c.unwrap(f.name), made.Elem(), path)
		v.Set(made)
	case kindList:
		b.bindList(c, f, v, path)
	default:
		b.bindAttribute(c, f, v, path)
	}
}

func (b *binder) bindList(c *Element, f field, v reflect.Value, path string) {
	b.origins[path] = c.Origin
	items, err := c.mixed()
	if f.item != "" {
		items, err = c.items(f.item)
	}
	if err != nil {
		b.fail(fault(c.Origin, path, ErrValue, "%v", err))
		return
	}
	list := reflect.MakeSlice(v.Type(), 0, len(items))
	for i, item := range items {
		made := newModel(v.Type().Elem())
		b.bind(item.unwrap(f.item), made.Elem(), index(path, i))
		list = reflect.Append(list, made.Elem())
	}
	v.Set(list)
}

// defaulter is a model struct that may be given or not and has defaults.
type defaulter interface{ setDefaults() }

func newModel(t reflect.Type) reflect.Value {
	v := reflect.New(t)
	if d, ok := v.Interface().(defaulter); ok {
		d.setDefaults()
	}
	return v
}

// bindAttribute reads one value.
func (b *binder) bindAttribute(c *Element, f field, v reflect.Value, path string) {
	b.origins[path] = c.Origin
	if !c.Scalar {
		b.fail(fault(c.Origin, path, ErrValue, "needs a value"))
		return
	}
	text := b.expanded(c, path)
	var err error
	switch f.kind {
	case kindBool:
		err = set(v.SetBool, text, parseBool)
	case kindInt:
		err = set(func(n int) { v.SetInt(int64(n)) }, text, parseInt)
	case kindFloat:
		err = set(v.SetFloat, text, parseFloat)
	case kindBytes:
		err = set(v.SetInt, text, ParseBytes)
	case kindMillis:
		d, errParse := parseMillis(text)
		v.SetInt(int64(d))
		err = errParse
	case kindEnum:
		value, errParse := parseEnum(text, f.values)
		v.SetString(value)
		err = errParse
	default:
		v.SetString(text)
	}
	if err != nil {
		b.fail(fault(c.Origin, path, ErrValue, "%s", strings.TrimPrefix(err.Error(), ErrValue.Error()+": ")))
	}
}

func set[T any](put func(T), text string, parse func(string) (T, error)) error {
	value, err := parse(text)
	if err == nil {
		put(value)
	}
	return err
}

// expanded is the text of an attribute with its placeholders replaced.
func (b *binder) expanded(c *Element, path string) string {
	text, err := b.properties.expand(c.Text)
	if err != nil {
		b.fail(fault(c.Origin, path, ErrValue, "%s", strings.TrimPrefix(err.Error(), ErrValue.Error()+": ")))
		return c.Text
	}
	return text
}

func join(above, name string) string {
	if above == "" {
		return name
	}
	return above + "." + name
}
