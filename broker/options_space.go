package broker

// SpaceOptions is the part of Options about memory and space.
type SpaceOptions struct{}
