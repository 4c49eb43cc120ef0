package client

import "context"

// AddressSource tells of brokers that come and go, as discovery by multicast
// does. URIs are of one broker each, such as "tcp://host:61616"; what is no
// such URI is ignored with a line in the log.
type AddressSource interface {
	// Watch reports until ctx ends, and returns then. found and lost may be
	// called from any goroutine and do not block.
	Watch(ctx context.Context, found, lost func(uri string)) error
}
