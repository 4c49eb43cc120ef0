package postgres

import (
	"errors"
	"fmt"
	"sync"

	"github.com/conclavemq/conclave/test/harness"
)

// Use has a lab's nodes keep their messages on a private server: those that
// were to share a directory share a database. The server ends with close.
func Use(lab *harness.Lab) (close func() error, err error) {
	s, err := New(Options{})
	if err != nil {
		return nil, err
	}
	if err := s.Start(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	var mu sync.Mutex
	databases := map[string]string{} // mu; by directory
	lab.Database = func(directory string) (*harness.JDBC, error) {
		mu.Lock()
		defer mu.Unlock()
		name := databases[directory]
		if name == "" {
			name = fmt.Sprintf("test%d", len(databases))
			if err := s.Exec("", "CREATE DATABASE "+name); err != nil {
				return nil, err
			}
			databases[directory] = name
		}
		return &harness.JDBC{URL: s.URL(name)}, nil
	}
	return s.Close, nil
}
