package guest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

const moduleRoot = "/lib/modules"

// load inserts a kernel module and what it depends on. (modules.dep: the
// module's file, a colon, what it needs, the nearest first)
func load(name string) error {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return err
	}
	dir := filepath.Join(moduleRoot, unix.ByteSliceToString(u.Release[:]))
	text, err := os.ReadFile(filepath.Join(dir, "modules.dep"))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		file, needs, _ := strings.Cut(line, ":")
		if filepath.Base(file) != name+".ko" {
			continue
		}
		files := append([]string{file}, strings.Fields(needs)...)
		for _, file := range slices.Backward(files) {
			if err := insert(filepath.Join(dir, file)); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("no module %s in %s", name, dir)
}

func insert(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.FinitModule(int(f.Fd()), "", 0); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("insert %s: %w", path, err)
	}
	return nil
}
