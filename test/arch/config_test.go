package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// An attribute that the configuration takes and nobody reads would be ignored
// in silence: each field with a config tag is read somewhere outside the
// functions that set defaults and check ranges.
func TestEveryAttributeIsUsed(t *testing.T) {
	fields := map[string]string{} // field → file
	read := map[string]bool{}
	sources(t, func(name string, text []byte) {
		if strings.HasSuffix(name, "_test.go") || !strings.HasPrefix(name, "config/") && !strings.HasPrefix(name, "cmd/conclave/") {
			return
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, text, 0)
		require.NoError(t, err)
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && (fn.Name.Name == "setDefaults" || strings.HasPrefix(fn.Name.Name, "check")) {
				continue
			}
			ast.Inspect(d, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.StructType:
					for _, field := range n.Fields.List {
						if field.Tag != nil && strings.HasPrefix(field.Tag.Value, "`config:") {
							fields[field.Names[0].Name] = name
						}
					}
				case *ast.SelectorExpr:
					read[n.Sel.Name] = true
				}
				return true
			})
		}
	})
	require.NotEmpty(t, fields)
	for field, file := range fields {
		if !read[field] {
			t.Errorf("%s: attribute %s is taken and never read", file, field)
		}
	}
}
