package jolokia

import "strings"

// list describes beans, as a tree of domains, keys of names, and "attr", "op",
// "class" and "desc" below these. (Jolokia: ListHandler)
func (a *answerer) list(r *request) (any, error) {
	depth, err := r.parameters.number("maxDepth")
	if err != nil {
		return nil, err
	}
	keys := Name.canonicalKeys
	if !r.parameters.isTrue("canonicalNaming", true) {
		keys = func(n Name) string { return n.list(n.keys) }
	}
	switch len(r.path) {
	case 0:
		return a.domains(depth, keys), nil
	case 1:
		beans := map[string]any{}
		pattern, err := ParseName(r.path[0].name + ":*")
		if err != nil {
			return nil, badRequest("Invalid path within the MBean part given. (Path: %s)", joinPath(r.path))
		}
		a.beans.Each(pattern, func(b *Bean) { beans[keys(b.Name)] = a.classes.full(b.Class) })
		return cut(beans, depth), nil
	}
	name, err := ParseName(r.path[0].name + ":" + r.path[1].name)
	if err != nil {
		return nil, badRequest("Invalid path within the MBean part given. (Path: %s)", joinPath(r.path))
	}
	if name.IsPattern() {
		return nil, badRequest("Cannot use an MBean pattern as path (given MBean: %s)", name.String())
	}
	b := a.beans.Find(name)
	if b == nil {
		return nil, badRequest("No MBean '%s' found", name.String())
	}
	value, err := part(a.classes.full(b.Class), r.path[2:])
	if err != nil {
		return nil, err
	}
	return cut(value, depth), nil
}

// domains is the whole tree, as far as it goes.
func (a *answerer) domains(depth int, keys func(Name) string) any {
	tree := map[string]any{}
	a.beans.Each(Name{domain: "*", others: true, wild: true}, func(b *Bean) {
		below, ok := tree[b.Name.domain].(map[string]any)
		if !ok {
			below = map[string]any{}
			tree[b.Name.domain] = below
		}
		if depth != 1 {
			below[keys(b.Name)] = a.classes.full(b.Class)
		}
	})
	return cut(tree, depth)
}

// part is what a path names in the description of a bean.
func part(full map[string]any, path []step) (any, error) {
	if len(path) == 0 {
		return full, nil
	}
	what := path[0].name
	switch what {
	case "class", "desc", "attr", "op", "not":
	default:
		return nil, badRequest("Illegal path element %s", what)
	}
	if len(path) > 2 {
		var extra []string
		for i := len(path) - 1; i >= 2; i-- {
			extra = append(extra, path[i].name)
		}
		return nil, badRequest("Path contains extra elements not usable for a list request: [%s]", strings.Join(extra, ", "))
	}
	value, ok := full[what]
	if len(path) == 1 {
		if !ok {
			value = map[string]any{}
		}
		return value, nil
	}
	below, _ := value.(map[string]any)
	one, ok := below[path[1].name]
	if !ok {
		return nil, badRequest("Path given but extracted value is empty")
	}
	return one, nil
}

// cut replaces what lies deeper than depth by 1; 0 is no bound.
func cut(value any, depth int) any {
	m, ok := value.(map[string]any)
	if !ok || depth == 0 {
		return value
	}
	short := make(map[string]any, len(m))
	for key, below := range m {
		if _, ok := below.(map[string]any); ok && depth == 1 {
			short[key] = 1
			continue
		}
		if depth > 1 {
			below = cut(below, depth-1)
		}
		short[key] = below
	}
	return short
}

// classes keeps the descriptions of classes, of which there are few, while a
// request is answered.
type classes map[*Class]map[string]any

func (c classes) full(class *Class) map[string]any {
	if full, ok := c[class]; ok {
		return full
	}
	full := map[string]any{"class": class.Name, "desc": "Information on the management interface of the MBean"}
	attributes := map[string]any{}
	for i := range class.Attributes {
		a := &class.Attributes[i]
		attributes[a.Name] = map[string]any{"rw": false, "type": a.Type, "desc": a.Description}
	}
	full["attr"] = attributes
	if len(class.Operations) > 0 {
		full["op"] = operations(class)
	}
	c[class] = full
	return full
}

// operations has a list where several have one name.
func operations(class *Class) map[string]any {
	all := map[string]any{}
	for i := range class.Operations {
		o := &class.Operations[i]
		arguments := []any{}
		for _, a := range o.Arguments {
			arguments = append(arguments, map[string]any{"name": a.Name, "type": a.Type, "desc": a.Description})
		}
		one := map[string]any{"args": arguments, "ret": o.Returns, "desc": o.Description}
		switch before := all[o.Name].(type) {
		case nil:
			all[o.Name] = one
		case []any:
			all[o.Name] = append(before, one)
		default:
			all[o.Name] = []any{before, one}
		}
	}
	return all
}
