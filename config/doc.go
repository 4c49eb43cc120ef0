// Package config reads what a broker is told to be: a YAML file that mirrors
// activemq.xml element for element and attribute for attribute, overridden by
// environment variables (CONCLAVE_BROKER_BROKERNAME) and command-line flags.
//
// Reading has three steps, so that another syntax can take the place of the
// first. A syntax turns text into a tree of [Element]s that know where they
// came from. Overlay puts environment and flags over that tree. Bind checks
// the tree against the typed model ([Config] and the structs below it, whose
// tags carry ActiveMQ's names) and fills it in.
//
// Nothing is ignored in silence. A name that ActiveMQ does not have is an
// error with the nearest name that it has; an attribute of ActiveMQ that is
// not supported is refused by name with the reason, unless it is set to
// ActiveMQ's default; a tuning knob of something that does not exist here is
// reported in [Config.Warnings]. The tables are in others.go.
//
// The package does no I/O beyond reading the named file and the environment
// and starts no goroutine.
package config
