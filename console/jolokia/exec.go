package jolokia

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// exec calls an operation. (Jolokia: ExecHandler)
func (a *answerer) exec(ctx context.Context, r *request) (any, error) {
	if a.foreign != "" {
		return nil, Forbidden("Origin " + a.foreign + " is not allowed to change anything")
	}
	if r.operation == nil {
		return nil, badRequest("No operation given for exec Request on MBean %s", r.name.String())
	}
	b := a.beans.Find(r.name)
	if b == nil {
		return nil, noInstance(r.name.String())
	}
	o, err := b.operation(*r.operation)
	if err != nil {
		return nil, err
	}
	if len(r.arguments) != len(o.Arguments) {
		return nil, badRequest("Invalid number of operation arguments. Operation %s on %s requires %d parameters, not %d as given",
			*r.operation, r.name.String(), len(o.Arguments), len(r.arguments))
	}
	arguments := make([]any, len(r.arguments))
	for i, given := range r.arguments {
		if arguments[i], err = converted(given, o.Arguments[i].Type); err != nil {
			return nil, err
		}
	}
	value, errDo := o.Do(ctx, b.Subject, arguments)
	a.beans.Changed()
	if errDo != nil {
		return nil, errDo
	}
	return plain(value, 0), nil
}

var signature = regexp.MustCompile(`^(.*)\((.*)\)$`)

// operation finds the one that is meant: by its name, or by its name and the
// types of its arguments, "name(java.lang.String,int)".
func (b *Bean) operation(asked string) (*Operation, error) {
	name, types := asked, ""
	m := signature.FindStringSubmatch(asked)
	if m != nil {
		name, types = m[1], strings.ReplaceAll(m[2], " ", "")
	}
	var same []*Operation
	for i := range b.Class.Operations {
		if o := &b.Class.Operations[i]; o.Name == name {
			same = append(same, o)
		}
	}
	switch {
	case same == nil:
		return nil, badRequest("No operation %s found on MBean %s", name, b.Name.Canonical())
	case m == nil && len(same) == 1:
		return same[0], nil
	case m == nil:
		return nil, badRequest("Operation %s on MBean %s is overloaded. Signatures found: %s. Use a signature when specifying the operation.",
			name, b.Name.Canonical(), signatures(same))
	}
	for _, o := range same {
		if o.types() == types {
			return o, nil
		}
	}
	return nil, badRequest("No operation %s on MBean %s exists. Known signatures: %s", asked, b.Name.Canonical(), signatures(same))
}

func (o *Operation) types() string {
	var types []string
	for _, a := range o.Arguments {
		types = append(types, a.Type)
	}
	return strings.Join(types, ",")
}

// signatures lists types as the agent does, which loses a parenthesis of one
// without arguments.
func signatures(same []*Operation) string {
	var all []string
	for _, o := range same {
		if len(o.Arguments) == 0 {
			all = append(all, ")")
			continue
		}
		all = append(all, "("+o.types()+")")
	}
	return strings.Join(all, ",")
}

// converted makes an argument what the operation wants.
func converted(given any, kind string) (any, error) {
	if given == nil && kind != "int" {
		return nil, nil
	}
	text := fmt.Sprint(given)
	switch given.(type) {
	case nil, []any, map[string]any:
		return nil, &Error{400, illegalArgument, ""}
	case string, bool, json.Number:
	}
	if kind != "int" {
		return text, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return nil, &Error{400, numberFormat, `For input string: "` + text + `"`}
	}
	return int(n), nil
}
