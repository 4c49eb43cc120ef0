package jolokia

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// request is one question.
type request struct {
	kind       string // lower case
	name       Name
	attributes []string // nil: all
	many       bool     // attributes were given as a list
	path       []step
	operation  *string
	arguments  []any
	value      any // of write
	parameters parameters
}

// parameters are Jolokia's processing parameters.
type parameters map[string]string

func (p parameters) isTrue(name string, standard bool) bool {
	text, ok := p[name]
	if !ok {
		return standard
	}
	return strings.EqualFold(text, "true")
}

// ignoresErrors has more words for true than others.
func (p parameters) ignoresErrors() bool {
	switch p["ignoreErrors"] {
	case "true", "yes", "on", "1":
		return true
	}
	return false
}

// number is a parameter that bounds something; 0 is no bound.
func (p parameters) number(name string) (int, error) {
	text, ok := p[name]
	if !ok {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, &Error{400, numberFormat, `For input string: "` + text + `"`}
	}
	return n, nil
}

var kinds = map[string]bool{"read": true, "write": true, "exec": true, "list": true, "version": true, "search": true}

func kindOf(name string) (string, error) {
	if kind := strings.ToLower(name); kinds[kind] {
		return kind, nil
	}
	return "", badRequest("No type with name '%s' exists", name)
}

// parseGet reads a question from a path below the agent's URL.
func parseGet(path string, p parameters) (*request, error) {
	whole := path
	if strings.Trim(path, "/") == "" {
		path = p["p"]
	}
	parts := splitPath(strings.TrimPrefix(path, "/"))
	r := &request{kind: "version", parameters: p}
	if len(parts) == 0 {
		return r, nil
	}
	var err error
	if r.kind, err = kindOf(parts[0]); err != nil {
		return nil, err
	}
	parts = parts[1:]
	switch r.kind {
	case "version":
		return r, nil
	case "list":
		r.path, err = steps(parts)
		return r, err
	}
	needed := map[string]int{"exec": 2, "write": 3}[r.kind]
	if len(parts) < max(1, needed) {
		return nil, badRequest("Invalid arguments in pathinfo %s for command %s", whole, strings.ToUpper(r.kind))
	}
	if r.name, err = ParseName(parts[0]); err != nil {
		return nil, err
	}
	switch parts = parts[1:]; r.kind {
	case "exec":
		r.operation, r.arguments = &parts[0], special(parts[1:])
	case "write":
		r.attributes, r.value = parts[:1], parts[1]
	case "read":
		if len(parts) > 0 && parts[0] != "*" {
			r.setAttributes(splitList(parts[0]))
		}
		if len(parts) > 1 {
			r.path, err = steps(parts[1:])
		}
	}
	return r, err
}

// special are arguments in a path: some words stand for what a path cannot hold.
func special(parts []string) []any {
	var arguments []any
	for _, part := range parts {
		switch part {
		case "[null]", "*":
			arguments = append(arguments, nil)
		case `""`:
			arguments = append(arguments, "")
		default:
			arguments = append(arguments, part)
		}
	}
	return arguments
}

// splitList splits at commas that no backslash is before.
func splitList(text string) []string {
	var list []string
	var one strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text):
			i++
			one.WriteByte(text[i])
		case text[i] == ',':
			list = append(list, one.String())
			one.Reset()
		default:
			one.WriteByte(text[i])
		}
	}
	return append(list, one.String())
}

func (r *request) setAttributes(names []string) { r.attributes, r.many = names, len(names) > 1 }

// parsePost reads one question from JSON.
func parsePost(o map[string]any, p parameters) (*request, error) {
	r := &request{parameters: merged(p, o["config"])}
	kind, ok := o["type"].(string)
	if !ok {
		return nil, badRequest("No type given")
	}
	var err error
	if r.kind, err = kindOf(kind); err != nil {
		return nil, err
	}
	if path, _ := o["path"].(string); path != "" {
		if r.path, err = steps(splitPath(path)); err != nil {
			return nil, err
		}
	}
	if r.kind == "version" || r.kind == "list" {
		return r, nil
	}
	name, ok := o["mbean"].(string)
	if !ok {
		return nil, badRequest("Objectname can not be null")
	}
	if r.name, err = ParseName(name); err != nil {
		return nil, err
	}
	r.value = o["value"]
	if operation, ok := o["operation"].(string); ok {
		r.operation = &operation
	}
	if r.arguments, ok = o["arguments"].([]any); !ok && o["arguments"] != nil {
		return nil, badRequest("arguments must be a list")
	}
	return r, r.attributesOf(o["attribute"])
}

func merged(p parameters, config any) parameters {
	own, ok := config.(map[string]any)
	if !ok {
		return p
	}
	all := parameters{}
	for name, text := range p {
		all[name] = text
	}
	for name, value := range own {
		all[name] = fmt.Sprint(value)
	}
	return all
}

func (r *request) attributesOf(given any) error {
	switch given := given.(type) {
	case nil:
	case string:
		r.setAttributes(splitList(given))
	case []any:
		for _, one := range given {
			name, ok := one.(string)
			if !ok && len(given) == 1 && one == nil {
				return nil
			}
			if !ok {
				return badRequest("Attribute names must be strings")
			}
			r.attributes = append(r.attributes, name)
		}
		r.many = true
	default:
		return badRequest("Attribute names must be either a String, Collection or null (and not class %s)", javaClass(given))
	}
	return nil
}

func javaClass(value any) string {
	switch value := value.(type) {
	case bool:
		return "java.lang.Boolean"
	case json.Number:
		if _, err := value.Int64(); err == nil {
			return "java.lang.Long"
		}
		return "java.lang.Double"
	}
	return "org.json.simple.JSONObject"
}

// shown is a name as answers have it.
func (r *request) shown(n Name) string {
	if r.parameters.isTrue("canonicalNaming", true) || n.IsPattern() {
		return n.Canonical()
	}
	return n.String()
}

// object is the request as its answer repeats it.
func (r *request) object() map[string]any {
	o := map[string]any{"type": r.kind}
	if r.path != nil {
		o["path"] = joinPath(r.path)
	}
	switch r.kind {
	case "version", "list":
		return o
	case "exec":
		o["operation"] = r.operation
		if len(r.arguments) > 0 {
			o["arguments"] = r.arguments
		}
	case "write":
		o["value"] = r.value
	}
	o["mbean"] = r.shown(r.name)
	switch len(r.attributes) {
	case 0:
	case 1:
		o["attribute"] = r.attributes[0]
	default:
		o["attribute"] = r.attributes
	}
	return o
}
