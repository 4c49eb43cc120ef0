package arch

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

// maxLines is where a file has become two.
const maxLines = 700

// sleepers are the tests that may sleep, and why: everything else waits for a
// condition.
var sleepers = map[string]string{
	"broker/model_test.go": "asks for a condition again and again, within a bound",
	"lock/helper_test.go":  "a process that is to be paused has to do something meanwhile",
	"lock/process_test.go": "a kill at a random moment",
	"test/ha/pair_test.go": "a process stays paused for a given time",
}

// skippers are the tests that may skip, and why; where all of them have to run,
// a skip fails the run. In a model test rapid's Skip refuses an action that does
// not apply.
var skippers = map[string]string{
	"lock/full_test.go":           "mounting a small file system needs root",
	"lock/fuse_test.go":           "mounting FUSE needs root",
	"lock/process_test.go":        "becoming a user without rights needs root",
	"test/fault/main_test.go":     "mounts and networks need root",
	"test/harness/broker_test.go": "needs ActiveMQ, which make test does not install",
}

func TestNothingIsSkipped(t *testing.T) {
	sources(t, func(name string, text []byte) {
		if !strings.HasSuffix(name, "_test.go") || skippers[name] != "" {
			return
		}
		files := token.NewFileSet()
		f, err := parser.ParseFile(files, name, text, 0)
		require.NoError(t, err)
		if importsName(f, "pgregory.net/rapid") {
			return
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if s, ok := call.Fun.(*ast.SelectorExpr); ok && (s.Sel.Name == "Skip" || s.Sel.Name == "Skipf" || s.Sel.Name == "SkipNow") {
					t.Errorf("%s skips", files.Position(n.Pos()))
				}
			}
			return true
		})
	})
}

func TestFilesAreShort(t *testing.T) {
	sources(t, func(name string, text []byte) {
		if n := bytes.Count(text, []byte("\n")); n > maxLines {
			t.Errorf("%s has %d lines, more than %d", name, n, maxLines)
		}
	})
}

// A failure that rapid has saved is looked at, and becomes a test of its own
// or is deleted. Git ignores it, so that it does not get lost among changes.
func TestNoSavedFailures(t *testing.T) {
	files(t, func(name string, _ func() []byte) {
		if path.Ext(name) == ".fail" {
			t.Errorf("%s is a failure that was saved", name)
		}
	})
}

// Nothing names a place on the machine where it was written.
func TestNoWorkplaces(t *testing.T) {
	places := [][]byte{[]byte("/wo" + "rk/"), []byte("/ro" + "ot/"), []byte("/tmp/" + "amq"), []byte("/tmp/" + "team")}
	files(t, func(name string, read func() []byte) {
		if slices.Contains([]string{".test", ".prof", ".class"}, path.Ext(name)) {
			return // built here, and ignored by git
		}
		for text, i := read(), 0; i < len(places); i++ {
			if at := bytes.Index(text, places[i]); at >= 0 && startsPath(text, at) {
				t.Errorf("%s, line %d: %s", name, 1+bytes.Count(text[:at], []byte("\n")), places[i])
			}
		}
	})
}

// startsPath reports that no name is before the place: it is an absolute path.
func startsPath(text []byte, at int) bool {
	if at == 0 {
		return true
	}
	c := rune(text[at-1])
	return !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("._-}$)", c)
}

func TestPackagesHaveComments(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.GoFiles) > 0 && p.Doc == "" {
			t.Errorf("package %s has no comment that says what it owns", p.ImportPath)
		}
	}
}

func TestNothingIsLeftToDo(t *testing.T) {
	marks := []string{"TO" + "DO", "FIX" + "ME", "XX" + "X"}
	sources(t, func(name string, text []byte) {
		for _, mark := range marks {
			if bytes.Contains(text, []byte("// "+mark)) {
				t.Errorf("%s: %s", name, mark)
			}
		}
	})
}

func TestTestsDoNotSleep(t *testing.T) {
	sources(t, func(name string, text []byte) {
		if !strings.HasSuffix(name, "_test.go") || sleepers[name] != "" {
			return
		}
		files := token.NewFileSet()
		f, err := parser.ParseFile(files, name, text, 0)
		require.NoError(t, err)
		if importsName(f, "testing/synctest") {
			return // sleeping takes no time in a bubble
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if isCall(n, "time", "Sleep") {
				t.Errorf("%s sleeps: wait for a condition", files.Position(n.Pos()))
			}
			return true
		})
	})
}

func importsName(f *ast.File, path string) bool {
	return slices.ContainsFunc(f.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"`+path+`"` })
}

func isCall(n ast.Node, pkg, name string) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return false
	}
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || selector.Sel.Name != name {
		return false
	}
	x, ok := selector.X.(*ast.Ident)
	return ok && x.Name == pkg
}

// `make fuzz` finds its targets by itself; it must find all that the compiler
// sees.
func TestMakeFindsEveryFuzzTarget(t *testing.T) {
	cmd := exec.Command("make", "-s", "fuzz-list")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	require.NoError(t, err)
	listed := strings.Fields(strings.ReplaceAll(strings.TrimSpace(string(out)), " ", "#"))

	var want []string
	sources(t, func(name string, text []byte) {
		if !strings.HasSuffix(name, "_test.go") {
			return
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, text, 0)
		require.NoError(t, err)
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Fuzz") {
				want = append(want, "./"+path.Dir(name)+"#"+fn.Name.Name)
			}
		}
	})
	slices.Sort(listed)
	slices.Sort(want)
	require.NotEmpty(t, want)
	require.Equal(t, want, listed)
}
