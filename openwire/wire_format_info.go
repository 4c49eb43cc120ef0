package openwire

import (
	"fmt"
	"math"

	"github.com/conclavemq/conclave/message"
)

// WireFormatInfo is the first frame of each peer: what it can do and would
// like. It is always encoded loosely and without a header. A string that is
// "" is not sent. (ActiveMQ: WireFormatInfo)
type WireFormatInfo struct {
	Version                     int32
	CacheEnabled                bool
	CacheSize                   int32 // entries
	StackTraceEnabled           bool
	TCPNoDelayEnabled           bool
	TightEncodingEnabled        bool
	SizePrefixDisabled          bool
	MaxFrameSize                int64 // bytes
	MaxFrameSizeEnabled         bool
	MaxInactivityMS             int64
	MaxInactivityInitialDelayMS int64
	Host                        string
	ProviderName                string
	ProviderVersion             string
	PlatformDetails             string
	// Others are options of names that are not above, as received.
	Others message.Properties
}

const (
	magic             = "ActiveMQ"
	maxOptions        = 64      // ActiveMQ: WireFormatInfo.MAX_PROPERTY_SIZE
	maxOptionsBytes   = 1 << 16 // more than 64 options of 512 bytes each
	maxOptionValueLen = 512     // ActiveMQ: WireFormatInfo.MAX_PROPERTY_BUFFER_SIZE
)

// DefaultWireFormatInfo is what an ActiveMQ broker or client proposes.
// (ActiveMQ: OpenWireFormatFactory)
func DefaultWireFormatInfo() *WireFormatInfo {
	return &WireFormatInfo{
		Version: MaxVersion, CacheEnabled: true, CacheSize: DefaultCacheSize,
		StackTraceEnabled: true, TCPNoDelayEnabled: true, TightEncodingEnabled: true,
		MaxFrameSize: math.MaxInt64, MaxFrameSizeEnabled: true,
		MaxInactivityMS: 30_000, MaxInactivityInitialDelayMS: 10_000,
	}
}

func (f *WireFormatInfo) walk(w *wire) {
	if !w.reading() {
		w.buf = append(w.buf, magic...)
		w.int32(&f.Version)
		options, err := message.AppendProperties(nil, f.options())
		if err != nil {
			w.fail(ErrMalformed, "option: "+err.Error())
			return
		}
		w.bytes(&options)
		return
	}
	if string(w.take(len(magic))) != magic {
		w.fail(ErrMalformed, "no ActiveMQ magic")
		return
	}
	w.int32(&f.Version)
	var options []byte
	w.bytes(&options)
	if err := f.parse(options); err != nil {
		w.fail(ErrMalformed, err.Error())
	}
}

// fields names the options and where they are kept, in the order in which they
// are written.
func (f *WireFormatInfo) fields() []option {
	return []option{
		{"StackTraceEnabled", &f.StackTraceEnabled},
		{"PlatformDetails", &f.PlatformDetails},
		{"CacheEnabled", &f.CacheEnabled},
		{"Host", &f.Host},
		{"TcpNoDelayEnabled", &f.TCPNoDelayEnabled},
		{"SizePrefixDisabled", &f.SizePrefixDisabled},
		{"CacheSize", &f.CacheSize},
		{"ProviderName", &f.ProviderName},
		{"TightEncodingEnabled", &f.TightEncodingEnabled},
		{"MaxFrameSize", &f.MaxFrameSize},
		{"MaxInactivityDuration", &f.MaxInactivityMS},
		{"MaxInactivityDurationInitalDelay", &f.MaxInactivityInitialDelayMS},
		{"MaxFrameSizeEnabled", &f.MaxFrameSizeEnabled},
		{"ProviderVersion", &f.ProviderVersion},
	}
}

type option struct {
	name  string
	value any // *bool, *int32, *int64 or *string
}

func (f *WireFormatInfo) options() message.Properties {
	var p message.Properties
	for _, o := range f.fields() {
		switch v := o.value.(type) {
		case *bool:
			p = append(p, message.Property{Name: o.name, Value: *v})
		case *int32:
			p = append(p, message.Property{Name: o.name, Value: *v})
		case *int64:
			p = append(p, message.Property{Name: o.name, Value: *v})
		case *string:
			if *v != "" {
				p = append(p, message.Property{Name: o.name, Value: *v})
			}
		}
	}
	return append(p, f.Others...)
}

func (f *WireFormatInfo) parse(b []byte) error {
	if len(b) > maxOptionsBytes {
		return fmt.Errorf("options of %d bytes", len(b))
	}
	p, err := message.ParseProperties(b)
	if err != nil {
		return fmt.Errorf("options: %w", err)
	}
	if len(p) > maxOptions {
		return fmt.Errorf("%d options", len(p))
	}
	fields := f.fields()
	for i := range p {
		if !simple(p[i].Value) {
			return fmt.Errorf("option %d is too large or nested", i)
		}
		if !set(fields, p[i].Name, p[i].Value) {
			f.Others = append(f.Others, p[i])
		}
	}
	return nil
}

func simple(v any) bool {
	switch v := v.(type) {
	case string:
		return len(v) <= maxOptionValueLen
	case []byte:
		return len(v) <= maxOptionValueLen
	case message.Properties, []any:
		return false
	}
	return true
}

// set keeps a known option; one of another type than expected is not known.
func set(fields []option, name string, value any) bool {
	for _, o := range fields {
		if o.name == name {
			return o.set(value)
		}
	}
	return false
}

func (o option) set(value any) bool {
	var ok bool
	switch p := o.value.(type) {
	case *bool:
		if v, is := value.(bool); is {
			*p, ok = v, true
		}
	case *int32:
		if v, is := value.(int32); is {
			*p, ok = v, true
		}
	case *int64:
		if v, is := value.(int64); is {
			*p, ok = v, true
		}
	case *string:
		if v, is := value.(string); is {
			*p, ok = v, true
		}
	}
	return ok
}
