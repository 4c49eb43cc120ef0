package console

import (
	"context"
	"errors"
	"slices"

	"github.com/conclavemq/conclave/console/jolokia"
)

// queueOperations are those of ActiveMQ's QueueViewMBean that a Broker can do.
var queueOperations = []jolokia.Operation{
	operation("purge", none, "Removes what waits in the queue.", nil,
		func(ctx context.Context, d *destinationBean, _ arguments) (any, error) {
			return nil, d.view.Purge(ctx, d.Name)
		}),
	one("removeMessage", "Removes a message.", nil, remove),
	many("removeMatchingMessages", "Removes what a selector matches.", nil, remove),
	many("removeMatchingMessages", "Removes what a selector matches, up to a number.", most, remove),
	one("copyMessageTo", "Copies a message to another destination.", target, copyTo),
	many("copyMatchingMessagesTo", "Copies what a selector matches.", target, copyTo),
	many("copyMatchingMessagesTo", "Copies what a selector matches, up to a number.", slices.Concat(target, most), copyTo),
	one("moveMessageTo", "Moves a message to another destination.", target, move),
	many("moveMatchingMessagesTo", "Moves what a selector matches.", target, move),
	many("moveMatchingMessagesTo", "Moves what a selector matches, up to a number.", slices.Concat(target, most), move),
	operation("retryMessage", boolean, "Moves a dead letter back to where it came from.", []jolokia.Argument{messageID},
		func(ctx context.Context, d *destinationBean, a arguments) (any, error) {
			n, err := d.view.Retry(ctx, d.Name, Selection{ID: a.text(0), Max: 1})
			if n == 0 && (err == nil || errors.Is(err, ErrMessageID)) {
				return nil, jolokia.Failure("javax.jms.JMSException", "Could not find message reference: "+a.text(0))
			}
			return n > 0, err
		}),
	operation("retryMessages", integer, "Moves dead letters back to where they came from.", nil,
		func(ctx context.Context, d *destinationBean, _ arguments) (any, error) {
			return result(d.view.Retry(ctx, d.Name, Selection{}))
		}),
}

var (
	messageID = jolokia.Argument{Name: "messageId", Type: text}
	selector  = jolokia.Argument{Name: "selector", Type: text}
	target    = []jolokia.Argument{{Name: "destinationName", Type: text}}
	most      = []jolokia.Argument{{Name: "maximumMessages", Type: integer}}
)

// act is what operations do with a selection.
type act func(ctx context.Context, d *destinationBean, s Selection, to string) (int, error)

func remove(ctx context.Context, d *destinationBean, s Selection, _ string) (int, error) {
	return d.view.Remove(ctx, d.Name, s)
}

func copyTo(ctx context.Context, d *destinationBean, s Selection, to string) (int, error) {
	return d.view.Copy(ctx, d.Name, s, to)
}

func move(ctx context.Context, d *destinationBean, s Selection, to string) (int, error) {
	return d.view.Move(ctx, d.Name, s, to)
}

// one is an operation on one message; it says whether there was one.
func one(name, description string, more []jolokia.Argument, do act) jolokia.Operation {
	return operation(name, boolean, description, append([]jolokia.Argument{messageID}, more...),
		func(ctx context.Context, d *destinationBean, a arguments) (any, error) {
			n, err := do(ctx, d, Selection{ID: a.text(0), Max: 1}, a.text(1))
			if errors.Is(err, ErrMessageID) { // there is none of that id
				return false, nil
			}
			return n > 0, err
		})
}

// many is an operation on what a selector matches; it says how many.
func many(name, description string, more []jolokia.Argument, do act) jolokia.Operation {
	parameters := append([]jolokia.Argument{selector}, more...)
	return operation(name, integer, description, parameters,
		func(ctx context.Context, d *destinationBean, a arguments) (any, error) {
			s := Selection{Selector: a.text(0)}
			if last := len(parameters) - 1; parameters[last] == most[0] {
				if s.Max = a.number(last); s.Max <= 0 {
					return 0, nil
				}
			}
			return result(do(ctx, d, s, a.text(1)))
		})
}

// result gives errors the classes that Java's have.
func result(n int, err error) (any, error) {
	switch {
	case errors.Is(err, ErrSelector):
		return nil, jolokia.Failure("javax.jms.InvalidSelectorException", err.Error())
	case errors.Is(err, ErrNotDeadLetters):
		return nil, jolokia.Failure("java.lang.Exception", "Retry of message is only possible on Dead Letter Queues!")
	}
	return n, err
}

// arguments are what an operation was called with.
type arguments []any

// text is "" for Java's null, and for what there is not.
func (a arguments) text(i int) string {
	if i >= len(a) {
		return ""
	}
	s, _ := a[i].(string)
	return s
}

func (a arguments) number(i int) int {
	n, _ := a[i].(int)
	return n
}

func operation(name, returns, description string, parameters []jolokia.Argument, do func(context.Context, *destinationBean, arguments) (any, error)) jolokia.Operation {
	return jolokia.Operation{
		Name: name, Returns: returns, Description: description, Arguments: parameters,
		Do: func(ctx context.Context, subject any, given []any) (any, error) {
			return do(ctx, subject.(*destinationBean), given)
		},
	}
}
