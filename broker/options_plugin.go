package broker

// PluginOptions is the part of Options about what looks at messages on their way, or changes them.
type PluginOptions struct{}
