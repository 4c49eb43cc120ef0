package broker

// SpacePolicy is the part of a Policy about memory and space.
type SpacePolicy struct{}

// defaultSpacePolicy is ActiveMQ's.
func defaultSpacePolicy() SpacePolicy { return SpacePolicy{} }
