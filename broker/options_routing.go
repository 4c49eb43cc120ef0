package broker

// RoutingOptions is the part of Options about destinations: which there are from the start, which stand for others.
type RoutingOptions struct{}
