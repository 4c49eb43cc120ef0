package jolokia

import (
	"maps"
	"slices"
	"strconv"
)

// plain replaces what JSON does not have, and shortens lists.
func plain(value any, most int) any {
	switch v := value.(type) {
	case Ref:
		return map[string]any{"objectName": v.Name.Canonical()}
	case []Ref:
		list := make([]any, 0, len(v))
		for _, one := range v[:bounded(len(v), most)] {
			list = append(list, plain(one, most))
		}
		return list
	case []any:
		list := make([]any, 0, len(v))
		for _, one := range v[:bounded(len(v), most)] {
			list = append(list, plain(one, most))
		}
		return list
	case map[string]any:
		m := make(map[string]any, len(v))
		for key, one := range v {
			m[key] = plain(one, most)
		}
		return m
	}
	return value
}

func bounded(n, most int) int {
	if most > 0 {
		return min(n, most)
	}
	return n
}

// extract follows a path into a plain value. What is not there is nil; below a
// wildcard it is left out.
func extract(value any, path []step) any {
	if len(path) == 0 {
		return value
	}
	found, _ := follow(value, path)
	return found
}

func follow(value any, path []step) (found any, ok bool) {
	if len(path) == 0 {
		return value, true
	}
	if path[0].any {
		return followAll(value, path[1:])
	}
	switch v := value.(type) {
	case map[string]any:
		if one, ok := v[path[0].name]; ok {
			return follow(one, path[1:])
		}
	case []any:
		if i, err := strconv.Atoi(path[0].name); err == nil && i >= 0 && i < len(v) {
			return follow(v[i], path[1:])
		}
	}
	return nil, false
}

func followAll(value any, path []step) (found any, ok bool) {
	switch v := value.(type) {
	case map[string]any:
		all := map[string]any{}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if one, ok := follow(v[key], path); ok {
				all[key] = one
			}
		}
		return all, true
	case []any:
		all := []any{}
		for _, item := range v {
			if one, ok := follow(item, path); ok {
				all = append(all, one)
			}
		}
		return all, true
	}
	return nil, false
}
