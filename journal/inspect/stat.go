package inspect

import (
	"os"
	"path/filepath"
	"time"
)

// changed is when a file was written last; zero if that is not known.
func changed(directory, name string) time.Time {
	info, err := os.Stat(filepath.Join(directory, name))
	if err != nil {
		return time.Time{}
	}
	return info.ModTime().UTC()
}
