package config

import (
	"errors"
	"fmt"
)

var (
	// ErrUnknown: a name that ActiveMQ does not have.
	ErrUnknown = errors.New("unknown name")
	// ErrUnsupported: something that ActiveMQ has and this broker does not.
	ErrUnsupported = errors.New("not supported")
	// ErrValue: a value that its attribute cannot take.
	ErrValue = errors.New("bad value")
	// ErrSyntax: the file is not well formed, or too large.
	ErrSyntax = errors.New("malformed configuration")
)

// Error is one thing that is wrong with a configuration. Load returns all of
// them joined.
type Error struct {
	Origin Origin
	Path   string // "broker.persistenceAdapter.kahaDB.directory"
	Kind   error  // one of the sentinels above
	Detail string
}

// Error gives "file:line: path: detail".
func (e *Error) Error() string {
	text := e.Detail
	if e.Path != "" {
		text = e.Path + ": " + text
	}
	if at := e.Origin.String(); at != "" {
		text = at + ": " + text
	}
	return text
}

// Unwrap gives the sentinel.
func (e *Error) Unwrap() error { return e.Kind }

func fault(at Origin, path string, kind error, format string, args ...any) *Error {
	return &Error{Origin: at, Path: path, Kind: kind, Detail: fmt.Sprintf(format, args...)}
}
