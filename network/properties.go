package network

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The rear end of a duplex bridge is told the front end's configuration by a
// BrokerInfo's networkProperties, text in the form of java.util.Properties with
// the names of ActiveMQ's attributes.

// field is an attribute as text.
type field struct {
	get func(*Configuration) string
	set func(*Configuration, string) error
}

func boolField(of func(*Configuration) *bool) field {
	return field{
		func(c *Configuration) string { return strconv.FormatBool(*of(c)) },
		func(c *Configuration, v string) (err error) {
			*of(c), err = strconv.ParseBool(strings.ToLower(v))
			return err
		},
	}
}

// intField is a number of -bound to bound.
func intField(bound int, of func(*Configuration) *int) field {
	return field{
		func(c *Configuration) string { return strconv.Itoa(*of(c)) },
		func(c *Configuration, v string) error {
			n, err := strconv.Atoi(v)
			if err == nil && (n > bound || n < -bound) {
				err = fmt.Errorf("%d is beyond %d", n, bound)
			}
			if err == nil {
				*of(c) = n
			}
			return err
		},
	}
}

func textField(of func(*Configuration) *string) field {
	return field{
		func(c *Configuration) string { return *of(c) },
		func(c *Configuration, v string) error { *of(c) = v; return nil },
	}
}

func rulesField(of func(*Configuration) *[]Rule) field {
	return field{
		func(c *Configuration) string {
			var parts []string
			for _, r := range *of(c) {
				parts = append(parts, r.String())
			}
			if parts == nil {
				return ""
			}
			return "[" + strings.Join(parts, ", ") + "]"
		},
		func(c *Configuration, v string) error {
			inner, ok := strings.CutPrefix(v, "[")
			inner, closed := strings.CutSuffix(inner, "]")
			if !ok || !closed {
				return fmt.Errorf("%q is no list", v)
			}
			*of(c) = nil
			for part := range strings.SplitSeq(inner, ",") {
				if part = strings.TrimSpace(part); part != "" {
					*of(c) = append(*of(c), ParseRule(part))
				}
			}
			return nil
		},
	}
}

const (
	mostHops     = 1 << 16
	mostPrefetch = 1 << 20
)

func fields() map[string]field {
	return map[string]field{
		"name":                                textField(func(c *Configuration) *string { return &c.Name }),
		"duplex":                              boolField(func(c *Configuration) *bool { return &c.Duplex }),
		"consumerTTL":                         intField(mostHops, func(c *Configuration) *int { return &c.ConsumerTTL }),
		"messageTTL":                          intField(mostHops, func(c *Configuration) *int { return &c.MessageTTL }),
		"dynamicOnly":                         boolField(func(c *Configuration) *bool { return &c.DynamicOnly }),
		"staticBridge":                        boolField(func(c *Configuration) *bool { return &c.StaticBridge }),
		"conduitSubscriptions":                boolField(func(c *Configuration) *bool { return &c.ConduitSubscriptions }),
		"conduitNetworkQueueSubscriptions":    boolField(func(c *Configuration) *bool { return &c.ConduitNetworkQueueSubscriptions }),
		"suppressDuplicateQueueSubscriptions": boolField(func(c *Configuration) *bool { return &c.SuppressDuplicateQueueSubscriptions }),
		"suppressDuplicateTopicSubscriptions": boolField(func(c *Configuration) *bool { return &c.SuppressDuplicateTopicSubscriptions }),
		"decreaseNetworkConsumerPriority":     boolField(func(c *Configuration) *bool { return &c.DecreaseNetworkConsumerPriority }),
		"consumerPriorityBase":                intField(127, func(c *Configuration) *int { return &c.ConsumerPriorityBase }),
		"bridgeTempDestinations":              boolField(func(c *Configuration) *bool { return &c.BridgeTempDestinations }),
		"useVirtualDestSubs":                  boolField(func(c *Configuration) *bool { return &c.UseVirtualDestSubs }),
		"syncDurableSubs":                     boolField(func(c *Configuration) *bool { return &c.SyncDurableSubs }),
		"prefetchSize":                        intField(mostPrefetch, func(c *Configuration) *int { return &c.PrefetchSize }),
		"advisoryPrefetchSize":                intField(mostPrefetch, func(c *Configuration) *int { return &c.AdvisoryPrefetchSize }),
		"advisoryAckPercentage":               intField(100, func(c *Configuration) *int { return &c.AdvisoryAckPercentage }),
		"dispatchAsync":                       boolField(func(c *Configuration) *bool { return &c.DispatchAsync }),
		"alwaysSyncSend":                      boolField(func(c *Configuration) *bool { return &c.AlwaysSyncSend }),
		"advisoryForFailedForward":            boolField(func(c *Configuration) *bool { return &c.AdvisoryForFailedForward }),
		"clientIdToken":                       textField(func(c *Configuration) *string { return &c.ClientIDToken }),
		"destinationFilter":                   textField(func(c *Configuration) *string { return &c.DestinationFilter }),
		"excludedDestinations":                rulesField(func(c *Configuration) *[]Rule { return &c.ExcludedDestinations }),
		"dynamicallyIncludedDestinations":     rulesField(func(c *Configuration) *[]Rule { return &c.DynamicallyIncludedDestinations }),
		"staticallyIncludedDestinations":      rulesField(func(c *Configuration) *[]Rule { return &c.StaticallyIncludedDestinations }),
	}
}

// encodeProperties is the text for the rear end. Users and passwords are not in
// it: what ActiveMQ tells there is of use to nobody and seen by many.
func (c *Configuration) encodeProperties() string {
	var b strings.Builder
	b.WriteString("#\n")
	for name, f := range fields() {
		if v := f.get(c); v != "" {
			b.WriteString(escape(name, true) + "=" + escape(v, false) + "\n")
		}
	}
	return b.String()
}

// maxProperties bounds the text that is read, in bytes.
const maxProperties = 1 << 20

// decodeProperties reads the front end's configuration. Names that are not
// known are left out, as ActiveMQ does; values that make no sense are an error.
func decodeProperties(text string) (Configuration, error) {
	c := DefaultConfiguration()
	if len(text) > maxProperties {
		return c, fmt.Errorf("network properties of %d bytes", len(text))
	}
	known := fields()
	for _, line := range logicalLines(text) {
		key, value := splitProperty(line)
		f, ok := known[key]
		if !ok || value == "" {
			continue
		}
		if err := f.set(&c, value); err != nil {
			return c, fmt.Errorf("network property %s=%q: %w", key, value, err)
		}
	}
	if c.PrefetchSize < 1 {
		return c, fmt.Errorf("network property prefetchSize=%d must be > 0", c.PrefetchSize)
	}
	return c, nil
}

// logicalLines joins what ends with a backslash and drops comments.
func logicalLines(text string) []string {
	var lines []string
	joined := ""
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		line = strings.TrimLeft(line, " \t\f")
		if joined == "" && (line == "" || line[0] == '#' || line[0] == '!') {
			continue
		}
		slashes := len(line) - len(strings.TrimRight(line, `\`))
		if slashes%2 == 1 {
			joined += line[:len(line)-1]
			continue
		}
		lines = append(lines, joined+line)
		joined = ""
	}
	if joined != "" {
		lines = append(lines, joined)
	}
	return lines
}

// splitProperty takes "key = value" apart.
func splitProperty(line string) (key, value string) {
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case '=', ':', ' ', '\t', '\f':
			rest := strings.TrimLeft(line[i:], " \t\f")
			if rest != "" && (rest[0] == '=' || rest[0] == ':') {
				rest = strings.TrimLeft(rest[1:], " \t\f")
			}
			return unescape(line[:i]), unescape(rest)
		}
	}
	return unescape(line), ""
}

func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 't':
			b.WriteByte('\t')
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 'f':
			b.WriteByte('\f')
		case 'u':
			if i+4 < len(s) {
				if n, err := strconv.ParseUint(s[i+1:i+5], 16, 16); err == nil {
					b.WriteRune(rune(n))
					i += 4
				}
			}
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// escape writes what java.util.Properties reads back.
func escape(s string, key bool) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == ' ' && (key || i == 0), strings.ContainsRune(`\=:#!`, r):
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\f':
			b.WriteString(`\f`)
		case r < ' ' || r > '~':
			if r > 0xFFFF || r == utf8.RuneError {
				r = '?'
			}
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
