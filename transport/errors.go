package transport

import "errors"

// What can be wrong with a connector's URI.
var (
	// ErrURI: the URI cannot be read, or lacks its port.
	ErrURI = errors.New("invalid connector uri")
	// ErrScheme: no transport of that name, or not one that is served here.
	ErrScheme = errors.New("unsupported transport")
	// ErrUnknownOption: no option of that name; the error names the nearest.
	ErrUnknownOption = errors.New("unknown option")
	// ErrOption: the value of an option cannot be used.
	ErrOption = errors.New("invalid option value")
)

// ErrClosed: the listener has been closed.
var ErrClosed = errors.New("listener is closed")
