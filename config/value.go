package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ParseBytes reads ActiveMQ's byte sizes: "1048576", "10b", "64 mb", "1G".
// Units are powers of 1024, in any case. (XBeanByteConverterUtil)
func ParseBytes(text string) (int64, error) {
	s := strings.ToLower(strings.TrimSpace(text))
	digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
	shift, known := byteUnits[strings.TrimSpace(s[digits:])]
	if digits == 0 || !known {
		return 0, fmt.Errorf("%w: %q is no byte size such as 1048576, 64mb or \"1 gb\"", ErrValue, text)
	}
	n, err := strconv.ParseInt(s[:digits], 10, 64)
	if err != nil || n > math.MaxInt64>>shift {
		return 0, fmt.Errorf("%w: %q is over 2^63-1 bytes", ErrValue, text)
	}
	return n << shift, nil
}

var byteUnits = map[string]uint{
	"": 0, "b": 0, "k": 10, "kb": 10, "m": 20, "mb": 20, "g": 30, "gb": 30,
}

// parseBool reads what Spring's boolean editor takes.
func parseBool(text string) (bool, error) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "true", "yes", "on", "1":
		return true, nil
	case "false", "no", "off", "0":
		return false, nil
	}
	return false, fmt.Errorf("%w: %q is neither true nor false", ErrValue, text)
}

// maxMillis is the longest time that fits a time.Duration.
const maxMillis = math.MaxInt64 / int64(time.Millisecond)

// parseMillis reads a whole number of milliseconds; -1 and the like, which
// ActiveMQ uses for "never", come out negative.
func parseMillis(text string) (time.Duration, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || n > maxMillis || n < -maxMillis {
		return 0, fmt.Errorf("%w: %q is no number of milliseconds", ErrValue, text)
	}
	return time.Duration(n) * time.Millisecond, nil
}

// parseInt reads a Java int.
func parseInt(text string) (int, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%w: %q is no whole number within 32 bits", ErrValue, text)
	}
	return int(n), nil
}

// parseFloat reads a Java double that is a number.
func parseFloat(text string) (float64, error) {
	n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		return 0, fmt.Errorf("%w: %q is no number", ErrValue, text)
	}
	return n, nil
}

// parseEnum finds text among values, in any case.
func parseEnum(text string, values []string) (string, error) {
	for _, v := range values {
		if strings.EqualFold(v, strings.TrimSpace(text)) {
			return v, nil
		}
	}
	return "", fmt.Errorf("%w: %q is none of %s", ErrValue, text, strings.Join(values, ", "))
}
