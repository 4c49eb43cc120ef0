package jolokia

import (
	"fmt"
	"strings"
)

// read answers for attributes: one, several, or all; of one bean, or of all
// that a pattern matches. (Jolokia: ReadHandler)
func (a *answerer) read(r *request) (any, error) {
	most, err := r.parameters.number("maxCollectionSize")
	if err != nil {
		return nil, err
	}
	var value any
	if r.name.IsPattern() {
		value, err = a.readAll(r)
	} else {
		value, err = a.readOne(r)
	}
	if err != nil {
		return nil, err
	}
	return extract(plain(value, most), r.path), nil
}

func (a *answerer) readOne(r *request) (any, error) {
	b := a.beans.Find(r.name)
	if b == nil {
		return nil, noInstance(r.name.String())
	}
	if len(r.attributes) == 1 && !r.many {
		value, err := b.read(r.attributes[0])
		if err != nil {
			return nil, err
		}
		return value, nil
	}
	return r.values(b, r.attributes)
}

// values are several attributes of a bean; nil names are all.
func (r *request) values(b *Bean, names []string) (map[string]any, error) {
	values := map[string]any{}
	if len(names) == 0 {
		for i := range b.Class.Attributes {
			at := &b.Class.Attributes[i]
			values[at.Name] = at.Get(b.Subject)
		}
		return values, nil
	}
	for _, name := range names {
		value, err := b.read(name)
		switch {
		case err == nil:
			values[name] = value
		case r.parameters.ignoresErrors():
			values[name] = fmt.Sprintf("ERROR: %s (class %s)", err.Text, err.Type)
		default:
			return nil, err
		}
	}
	return values, nil
}

// readAll leaves out what a bean does not have.
func (a *answerer) readAll(r *request) (any, error) {
	all := map[string]any{}
	var names []string
	var failed error
	a.beans.Each(r.name, func(b *Bean) {
		if len(names) < maxNamed {
			names = append(names, b.Name.String())
		}
		has := r.attributes
		if len(r.attributes) > 0 {
			has = nil
			for _, name := range r.attributes {
				if b.Class.attribute(name) != nil {
					has = append(has, name)
				}
			}
			if len(has) == 0 {
				return
			}
		}
		values, err := r.values(b, has)
		if err != nil {
			failed = err
			return
		}
		all[r.shown(b.Name)] = values
	})
	switch {
	case failed != nil:
		return nil, failed
	case names == nil:
		return nil, noInstance("No MBean with pattern " + r.name.String() + " found for reading attributes")
	case len(all) == 0:
		return nil, badRequest("No matching attributes [%s] found on MBeans [%s]", strings.Join(r.attributes, ", "), strings.Join(names, ", "))
	}
	return all, nil
}

// maxNamed bounds the names in an error.
const maxNamed = 100

// search answers with names. (Jolokia: SearchHandler)
func (a *answerer) search(r *request) any {
	names := []any{}
	a.beans.Each(r.name, func(b *Bean) { names = append(names, r.shown(b.Name)) })
	return names
}

// write answers that nothing can be written.
func (a *answerer) write(r *request) error {
	b := a.beans.Find(r.name)
	switch {
	case b == nil:
		return noInstance(r.name.String())
	case len(r.attributes) != 1 || b.Class.attribute(r.attributes[0]) == nil:
		return noAttribute(strings.Join(r.attributes, ","))
	}
	return &Error{404, attributeNotFound, "Read-only attribute: " + r.attributes[0]}
}
