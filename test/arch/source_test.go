package arch

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/conclavemq/conclave"

// goPackage is what `go list` says of a package.
type goPackage struct {
	ImportPath string
	Dir        string
	Doc        string
	GoFiles    []string
	Imports    []string
}

// name is the path within the module, "" for its root.
func (p goPackage) name() string {
	return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
}

// packages lists the module's packages, with every build tag.
func packages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-tags", "interop,jms,fault,nfs,mixed,model,traced", "-json=ImportPath,Dir,Doc,GoFiles,Imports", "./...")
	cmd.Dir = root(t)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	var list []goPackage
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else {
			require.NoError(t, err)
		}
		list = append(list, p)
	}
	require.NotEmpty(t, list)
	return list
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(dir, "go.mod"))
	return dir
}

// sources calls f for every Go file of the project, tests included, with its
// path from the root.
func sources(t *testing.T, f func(path string, text []byte)) {
	t.Helper()
	files(t, func(name string, read func() []byte) {
		if path.Ext(name) == ".go" && !strings.Contains("/"+name, "/.") && !strings.Contains("/"+name, "/testdata/") {
			f(name, read())
		}
	})
}

// files calls f for every file of the project, those of testdata and of hidden
// directories included, with its path from the root. What is built and what a
// broker has stored is not the project's.
func files(t *testing.T, f func(path string, read func() []byte)) {
	t.Helper()
	top := root(t)
	seen := 0
	err := filepath.WalkDir(top, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(top, path)
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains([]string{".git", "bin", "data"}, d.Name()) {
			return filepath.SkipDir
		}
		if !d.Type().IsRegular() || name == ".git" { // of a worktree
			return nil
		}
		seen++
		f(filepath.ToSlash(name), func() []byte {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			return text
		})
		return nil
	})
	require.NoError(t, err)
	require.NotZero(t, seen)
}
