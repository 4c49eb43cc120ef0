package inspect

import (
	"encoding/base64"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/conclavemq/conclave/message"
)

// Message is a stored message for people and for JSON. Times are milliseconds
// since 1970.
type Message struct {
	ID              string         `json:"id"`
	Destination     string         `json:"destination"`
	Type            string         `json:"body"` // text, bytes, map, stream, object, blob or none
	Persistent      bool           `json:"persistent"`
	Priority        uint8          `json:"priority"`
	Timestamp       int64          `json:"timestamp,omitempty"`
	Expiration      int64          `json:"expiration,omitempty"`
	CorrelationID   string         `json:"correlationId,omitempty"`
	ReplyTo         string         `json:"replyTo,omitempty"`
	JMSType         string         `json:"jmsType,omitempty"`
	GroupID         string         `json:"groupId,omitempty"`
	GroupSequence   int32          `json:"groupSequence,omitempty"`
	UserID          string         `json:"userId,omitempty"`
	Redeliveries    int32          `json:"redeliveries,omitempty"`
	Compressed      bool           `json:"compressed,omitempty"`
	Properties      map[string]any `json:"properties,omitempty"`
	PropertiesError string         `json:"propertiesError,omitempty"`
	Bytes           int            `json:"bytes"` // of the content
	// Content is the body as OpenWire carries it: of a text message a length
	// of four bytes and the text, of a compressed one zlib's output.
	Content []byte `json:"content,omitempty"`
}

var bodyNames = map[message.Body]string{
	message.Plain: "none", message.Text: "text", message.Bytes: "bytes", message.Map: "map",
	message.Stream: "stream", message.Object: "object", message.Blob: "blob",
}

// MessageOf describes m, with its content if body is set.
func MessageOf(m *message.Message, body bool) *Message {
	d := &Message{
		ID: m.ID.String(), Destination: m.Destination.String(), Type: bodyNames[m.Body], Persistent: m.Persistent,
		Priority: m.Priority, Timestamp: m.Timestamp, Expiration: m.Expiration, CorrelationID: m.CorrelationID,
		JMSType: m.Type, GroupID: m.GroupID, GroupSequence: m.GroupSequence, UserID: m.UserID,
		Redeliveries: m.RedeliveryCounter, Compressed: m.Compressed, Bytes: len(m.Content),
	}
	if !m.ReplyTo.IsZero() {
		d.ReplyTo = m.ReplyTo.String()
	}
	properties, err := message.ParseProperties(m.Properties)
	if err != nil {
		d.PropertiesError = err.Error()
	}
	if len(properties) > 0 {
		d.Properties = plainMap(properties)
	}
	if body {
		d.Content = m.Content
	}
	return d
}

func plainMap(p message.Properties) map[string]any {
	m := make(map[string]any, len(p))
	for _, property := range p {
		m[property.Name] = plain(property.Value)
	}
	return m
}

// plain makes a value one that JSON has.
func plain(v any) any {
	switch v := v.(type) {
	case message.Char:
		return string(rune(v))
	case float32:
		return plain(float64(v))
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Sprint(v)
		}
	case message.Properties:
		return plainMap(v)
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = plain(v[i])
		}
		return list
	}
	return v
}

// Text is the content for people: the text, or base64.
func (d *Message) Text() string {
	b := d.Content
	if d.Type == "text" && !d.Compressed && len(b) >= 4 && utf8.Valid(b[4:]) {
		return string(b[4:])
	}
	return base64.StdEncoding.EncodeToString(b)
}
