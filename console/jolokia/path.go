package jolokia

import "strings"

// step is one part of a path; any is a "*", which stands for every key or
// index.
type step struct {
	name string
	any  bool
}

// splitPath splits at slashes; "!" escapes the character behind it.
func splitPath(text string) []string {
	if text == "" || text == "/" {
		return nil
	}
	var parts []string
	var part strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '!' && i+1 < len(text):
			i++
			part.WriteByte(text[i])
		case text[i] == '/':
			parts = append(parts, part.String())
			part.Reset()
		default:
			part.WriteByte(text[i])
		}
	}
	if part.Len() > 0 {
		parts = append(parts, part.String())
	}
	return parts
}

func steps(parts []string) ([]step, error) {
	var path []step
	for _, part := range parts {
		path = append(path, step{part, part == "*"})
	}
	if len(path) > 0 && path[len(path)-1].any {
		return nil, badRequest("Path '%s' must not end with a wildcard", joinPath(path))
	}
	return path, nil
}

var pathEscaper = strings.NewReplacer("!", "!!", "/", "!/")

func joinPath(path []step) string {
	parts := make([]string, len(path))
	for i, s := range path {
		parts[i] = pathEscaper.Replace(s.name)
	}
	return strings.Join(parts, "/")
}
