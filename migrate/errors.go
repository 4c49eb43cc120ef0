package migrate

import "errors"

// Conditions that keep a copy from beginning or from being believed.
var (
	// ErrNotEmpty: the target holds messages, subscriptions or branches that
	// no copy from this source has put there.
	ErrNotEmpty = errors.New("the target is not empty")
	// ErrOther: the target holds part of a copy from another source.
	ErrOther = errors.New("the target holds an unfinished copy of another source")
	// ErrUnfinished: the source is itself the target of an unfinished copy.
	ErrUnfinished = errors.New("the source is an unfinished copy")
	// ErrDiffers: source and target do not hold the same.
	ErrDiffers = errors.New("source and target differ")
)
