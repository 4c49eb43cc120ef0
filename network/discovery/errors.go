package discovery

import "errors"

var (
	// ErrURI is a discovery URI that cannot be understood.
	ErrURI = errors.New("invalid discovery uri")
	// ErrScheme is a scheme that is not known or not available.
	ErrScheme = errors.New("unsupported discovery scheme")
	// ErrOption is an option that is not known or has no such value.
	ErrOption = errors.New("invalid discovery option")
)
