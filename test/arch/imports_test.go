package arch

import (
	"slices"
	"strings"
	"testing"
)

// allowed says which packages of ours each package may import, beside those
// below its own folder. A longer name has a row of its own; "*" is all.
var allowed = map[string][]string{
	"message":      {},
	"openwire":     {"message"},
	"store":        {"message"},
	"lock":         {},
	"lock/pglock":  {"lock"},
	"journal":      {"store", "message", "openwire", "lock"},
	"jdbcstore":    {"store", "message", "openwire", "lock"},
	"migrate":      {"store", "message", "openwire"},
	"broker":       {"store", "message"},
	"spool":        {"message", "openwire"},
	"transport":    {"broker", "store", "message", "openwire", "internal/spelling", "internal/hostport"}, // of store the sentinels alone
	"client":       {"openwire", "message", "internal/spelling", "internal/hostport"},
	"network":      {"client", "broker", "message", "openwire", "internal/hostport"},
	"console":      {"internal/hostport"},
	"config":       {"internal/spelling", "internal/hostport"},
	"internal":     {},
	"cmd/conclave": {"*"},
	"test":         {"*"},
}

// outside says which modules of others each package may import.
var outside = map[string][]string{
	"lock":         {"golang.org/x/sys"},
	"lock/pglock":  {"golang.org/x/sys", "github.com/jackc/pgx"},
	"journal":      {"golang.org/x/sys"},
	"jdbcstore":    {"github.com/jackc/pgx"},
	"transport":    {"golang.org/x/sys"},
	"spool":        {"golang.org/x/sys"},
	"config":       {"github.com/spf13", "go.yaml.in/yaml", "golang.org/x/crypto"},
	"console":      {"github.com/prometheus", "golang.org/x/crypto"},
	"cmd/conclave": {"github.com/spf13", "golang.org/x/sys"},
	"store":        {"github.com/stretchr/testify", "github.com/google/go-cmp", "pgregory.net/rapid"}, // storetest is for tests
	"test":         {"*"},
}

// ruled finds the row for a package: the longest that it is or lies below.
func ruled(name string) (string, bool) {
	best := ""
	for row := range allowed {
		if (name == row || strings.HasPrefix(name, row+"/")) && len(row) > len(best) {
			best = row
		}
	}
	return best, best != ""
}

func below(name string, rows []string) bool {
	return slices.ContainsFunc(rows, func(row string) bool {
		return row == "*" || name == row || strings.HasPrefix(name, row+"/")
	})
}

func TestImports(t *testing.T) {
	for _, p := range packages(t) {
		row, ok := ruled(p.name())
		if !ok {
			t.Errorf("%s is in no row of the table: which packages may it import?", p.ImportPath)
			continue
		}
		for _, path := range p.Imports {
			switch inner, ours := strings.CutPrefix(path, module+"/"); {
			case ours:
				if !below(inner, append([]string{row}, allowed[row]...)) {
					t.Errorf("%s must not import %s", p.name(), inner)
				}
			case strings.Contains(strings.SplitN(path, "/", 2)[0], "."):
				if !below(path, outside[row]) {
					t.Errorf("%s must not import %s", p.name(), path)
				}
			}
		}
	}
}

// The table itself must have no cycle, or it could not keep the layers apart.
func TestTableHasNoCycle(t *testing.T) {
	var visit func(row string, path []string)
	visit = func(row string, path []string) {
		if slices.Contains(path, row) {
			t.Fatalf("cycle: %v", append(path, row))
		}
		for _, next := range allowed[row] {
			if next != "*" {
				visit(next, append(slices.Clone(path), row))
			}
		}
	}
	for row := range allowed {
		visit(row, nil)
	}
}
