package config

import (
	"maps"
	"reflect"
	"strings"
	"time"
)

// kind says how the text or content of a field is read.
type kind uint8

const (
	kindText kind = iota + 1
	kindBool
	kindInt
	kindBytes
	kindMillis
	kindEnum
	kindFloat
	kindElement // a struct, always there
	kindChoice  // a pointer to a struct, nil when not given
	kindList    // a slice of structs
)

// field is one name that a struct of the model understands. It comes from the
// struct tag `config:"name,option"`, where option is "bytes" for byte sizes,
// "enum=A|B" for fixed values, or "item=name" for the elements of a list; a list
// without it has elements of several kinds, each in a struct of choices.
type field struct {
	name   string
	kind   kind
	values []string // of an enum
	item   string   // of a list; "" if its elements are of several kinds
	index  []int
}

// model is implemented by every struct of the model: the names that ActiveMQ
// has in this place and that have no field.
type model interface{ others() others }

// schema is everything that may be written in one element.
type schema struct {
	fields []field
	others others
}

// schemaOf reads a struct type's tags.
func schemaOf(t reflect.Type) schema {
	var s schema
	if m, ok := reflect.Zero(t).Interface().(model); ok {
		s.others = m.others()
	}
	for i := range t.NumField() {
		if t.Field(i).Anonymous {
			s.embed(i, schemaOf(t.Field(i).Type))
			continue
		}
		tag, ok := t.Field(i).Tag.Lookup("config")
		if !ok {
			continue
		}
		name, option, _ := strings.Cut(tag, ",")
		f := field{name: name, index: []int{i}, kind: kindOf(t.Field(i).Type)}
		switch key, value, _ := strings.Cut(option, "="); key {
		case "bytes":
			f.kind = kindBytes
		case "enum":
			f.kind, f.values = kindEnum, strings.Split(value, "|")
		case "item":
			f.item = value
		}
		s.fields = append(s.fields, f)
	}
	return s
}

// embed adds what an embedded struct understands; names do not nest there.
func (s *schema) embed(i int, inner schema) {
	for _, f := range inner.fields {
		f.index = append([]int{i}, f.index...)
		s.fields = append(s.fields, f)
	}
	if len(inner.others) > 0 {
		all := maps.Clone(inner.others)
		maps.Copy(all, s.others)
		s.others = all
	}
}

func kindOf(t reflect.Type) kind {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return kindMillis
	case t.Kind() == reflect.String:
		return kindText
	case t.Kind() == reflect.Bool:
		return kindBool
	case t.Kind() == reflect.Float64:
		return kindFloat
	case t.Kind() == reflect.Struct:
		return kindElement
	case t.Kind() == reflect.Pointer:
		return kindChoice
	case t.Kind() == reflect.Slice:
		return kindList
	}
	return kindInt
}

// find returns the field of that name in any case.
func (s schema) find(name string) (field, bool) {
	for _, f := range s.fields {
		if strings.EqualFold(f.name, name) {
			return f, true
		}
	}
	return field{}, false
}

// names lists everything that may be written, for suggestions.
func (s schema) names() []string {
	names := make([]string, 0, len(s.fields)+len(s.others))
	for _, f := range s.fields {
		names = append(names, f.name)
	}
	for name := range s.others {
		names = append(names, name)
	}
	return names
}

// paths lists the attributes below a struct type that have one place each:
// those not within a list. Environment variables can set these.
func paths(t reflect.Type, above []string) [][]string {
	var all [][]string
	for _, f := range schemaOf(t).fields {
		at := append(append([]string{}, above...), f.name)
		switch f.kind {
		case kindElement:
			all = append(all, paths(t.FieldByIndex(f.index).Type, at)...)
		case kindChoice:
			all = append(all, paths(t.FieldByIndex(f.index).Type.Elem(), at)...)
		case kindList:
		default:
			all = append(all, at)
		}
	}
	return all
}
