package inspect

import "errors"

var errStopped = errors.New("stopped")
