// Package tools pins the programs that check this project, in a module of its
// own so that the broker does not depend on them. `make lint` builds them.
package tools
