package selector

import (
	"strings"

	"github.com/conclavemq/conclave/message"
)

// property is an identifier that names an application property.
type property struct{ name string }

func (p property) eval(env Env) value {
	v, _, err := env.Message.Property(p.name)
	if err != nil {
		return value{kind: brokenKind}
	}
	return valueOf(v)
}

// header is an identifier that names a header or a property that JMS or
// ActiveMQ defines. (ActiveMQ: PropertyExpression)
type header struct {
	name string
	get  func(env Env) value
}

func (h header) eval(env Env) value { return h.get(env) }

// identifier finds what a name stands for.
func identifier(name string) expression {
	if strings.HasPrefix(name, "JMS") {
		if get := headerGetter(name); get != nil {
			return header{name, get}
		}
	}
	return property{name}
}

func isIdentifier(e expression) bool {
	switch e.(type) {
	case property, header:
		return true
	}
	return false
}

func headerGetter(name string) func(env Env) value {
	switch name {
	case "JMSDestination":
		return destination
	case "JMSReplyTo":
		return func(env Env) value { return destinationValue(env.Message.ReplyTo) }
	case "JMSType":
		return func(env Env) value { return blankable(env, env.Message.Type, message.BlankType) }
	case "JMSDeliveryMode":
		return deliveryMode
	case "JMSPriority":
		return func(env Env) value { return intValue(int32(env.Message.Priority)) }
	case "JMSMessageID":
		return messageID
	case "JMSTimestamp":
		return func(env Env) value { return longValue(env.Message.Timestamp) }
	case "JMSCorrelationID":
		return func(env Env) value { return blankable(env, env.Message.CorrelationID, message.BlankCorrelationID) }
	case "JMSExpiration":
		return func(env Env) value { return longValue(env.Message.Expiration) }
	case "JMSRedelivered":
		return func(env Env) value { return truthOf(env.RedeliveryCounter > 0).value() }
	case "JMSXDeliveryCount":
		return func(env Env) value { return intValue(env.RedeliveryCounter + 1) }
	case "JMSXGroupID":
		return func(env Env) value { return blankable(env, env.Message.GroupID, message.BlankGroupID) }
	case "JMSXGroupSeq":
		return func(env Env) value { return intValue(env.Message.GroupSequence) }
	case "JMSXGroupFirstForConsumer":
		return func(env Env) value { return truthOf(env.Message.FirstForConsumer).value() }
	case "JMSXUserID":
		return userID
	case "JMSXProducerTXID":
		return transactionID
	case "JMSActiveMQBrokerInTime":
		return func(env Env) value { return longValue(env.Message.BrokerInTime) }
	case "JMSActiveMQBrokerOutTime":
		return func(env Env) value { return longValue(env.Message.BrokerOutTime) }
	case "JMSActiveMQBrokerPath":
		return brokerPath
	}
	return nil
}

func blankable(env Env, s string, bit message.Blanks) value {
	return optional(s, env.Message.Blanks&bit != 0)
}

func destination(env Env) value {
	if d := env.Message.OriginalDestination; !d.IsZero() {
		return destinationValue(d)
	}
	return destinationValue(env.Message.Destination)
}

func destinationValue(d message.Destination) value {
	if d.IsZero() {
		return value{}
	}
	return stringValue(d.String())
}

func deliveryMode(env Env) value {
	if env.Message.Persistent {
		return stringValue("PERSISTENT")
	}
	return stringValue("NON_PERSISTENT")
}

func messageID(env Env) value {
	if env.Message.ID.IsZero() {
		return value{}
	}
	return stringValue(env.Message.ID.String())
}

func userID(env Env) value {
	if v := blankable(env, env.Message.UserID, message.BlankUserID); v.kind != nullKind {
		return v
	}
	return property{"JMSXUserID"}.eval(env)
}

func transactionID(env Env) value {
	id := env.Message.OriginalTransaction
	if id.IsZero() {
		id = env.Message.Transaction
	}
	return optional(id.String(), false)
}

// brokerPath is Java's Arrays.toString of the path.
func brokerPath(env Env) value {
	path := env.Message.BrokerPath
	if path == nil {
		return stringValue("null")
	}
	names := make([]string, len(path))
	for i, id := range path {
		names[i] = string(id)
	}
	return stringValue("[" + strings.Join(names, ", ") + "]")
}
