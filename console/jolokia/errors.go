package jolokia

import "fmt"

// Error is what a request ends with that cannot be answered.
type Error struct {
	Status int    // as in HTTP
	Type   string // the class of Java's exception
	Text   string // "" is an exception without a message
}

// Java's classes of what goes wrong.
const (
	illegalArgument   = "java.lang.IllegalArgumentException"
	numberFormat      = "java.lang.NumberFormatException"
	instanceNotFound  = "javax.management.InstanceNotFoundException"
	attributeNotFound = "javax.management.AttributeNotFoundException"
	plainException    = "java.lang.Exception"
)

// Error is the text that clients see.
func (e *Error) Error() string {
	if e.Text == "" {
		return e.Type
	}
	return e.Type + " : " + e.Text
}

// Failure is the error of an operation that did not work: status 500 and the
// class of Java's exception.
func Failure(class, text string) error { return &Error{500, class, text} }

func badRequest(format string, args ...any) *Error {
	return &Error{400, illegalArgument, fmt.Sprintf(format, args...)}
}

func noInstance(text string) *Error { return &Error{404, instanceNotFound, text} }

func noAttribute(name string) *Error {
	return &Error{404, attributeNotFound, "No such attribute: " + name}
}

// Forbidden is the answer to who may not ask.
func Forbidden(text string) error { return &Error{403, plainException, text} }

// object is the error as an answer has it.
func (e *Error) object() map[string]any {
	return map[string]any{"error_type": e.Type, "error": e.Error(), "status": e.Status}
}
