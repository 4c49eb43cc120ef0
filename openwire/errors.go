package openwire

import (
	"errors"
	"fmt"
)

// What can be wrong with a frame or a value. Decode wraps them in a
// *FrameError.
var (
	ErrUnknownType = errors.New("unknown data type")
	ErrTruncated   = errors.New("truncated frame")
	ErrTooLarge    = errors.New("frame too large")
	ErrMalformed   = errors.New("malformed frame")
	ErrVersion     = errors.New("unsupported version")
)

// FrameError says where and why a frame could not be read or written.
type FrameError struct {
	Type   byte   // data type of the frame, see the Type constants
	Offset int    // bytes after the size prefix
	Detail string // what was found there
	Err    error  // one of the sentinels above
}

// Error describes the failure without any of the frame's contents.
func (e *FrameError) Error() string {
	return fmt.Sprintf("frame of type %d, offset %d: %s: %v", e.Type, e.Offset, e.Detail, e.Err)
}

// Unwrap returns the sentinel.
func (e *FrameError) Unwrap() error { return e.Err }
