package client

import (
	"fmt"

	"github.com/conclavemq/conclave/message"
)

// Properties returns the application's properties of a message.
func Properties(m *message.Message) (message.Properties, error) {
	return message.ParseProperties(m.Properties)
}

// SetProperties replaces the application's properties of a message.
func SetProperties(m *message.Message, p message.Properties) error {
	b, err := message.AppendProperties(nil, p)
	if err != nil {
		return err
	}
	m.Properties = b
	return nil
}

// SetProperty sets one of the application's properties: a bool, int8, int16,
// int32, int64, float32, float64 or string; an int is taken as int64. Several
// at once are cheaper with SetProperties.
func SetProperty(m *message.Message, name string, value any) error {
	p, err := Properties(m)
	if err != nil {
		return err
	}
	return SetProperties(m, p.Set(name, value))
}

// Property returns one of the application's properties as a T, and whether it
// is there. Integers are given as any wider integer too. (JMS:
// Message.getStringProperty and the like)
func Property[T bool | int8 | int16 | int32 | int64 | float32 | float64 | string](m *message.Message, name string) (T, bool, error) {
	var zero T
	v, ok, err := m.Property(name)
	if err != nil || !ok || v == nil {
		return zero, false, err
	}
	if t, is := v.(T); is {
		return t, true, nil
	}
	if wide, is := widened(v, any(zero)).(T); is {
		return wide, true, nil
	}
	return zero, true, fmt.Errorf("%w: property %s is a %T, not a %T", ErrBody, name, v, zero)
}

// widened is v as the type of like, where JMS allows that conversion; else v.
func widened(v, like any) any {
	var n int64
	var bits int
	switch v := v.(type) {
	case int8:
		n, bits = int64(v), 8
	case int16:
		n, bits = int64(v), 16
	case int32:
		n, bits = int64(v), 32
	case float32:
		if _, ok := like.(float64); ok {
			return float64(v)
		}
		return v
	default:
		return v
	}
	switch like.(type) {
	case int16:
		if bits < 16 {
			return int16(n)
		}
	case int32:
		if bits < 32 {
			return int32(n)
		}
	case int64:
		return n
	}
	return v
}
