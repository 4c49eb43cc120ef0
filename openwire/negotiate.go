package openwire

import "fmt"

// Negotiate gives the format that two peers use once each has the other's
// WireFormatInfo: the smaller version, cache size, frame size and inactivity
// times, and what both enable. It is symmetric. (ActiveMQ:
// OpenWireFormat.renegotiateWireFormat, InactivityMonitor)
func Negotiate(local, remote *WireFormatInfo) (Format, error) {
	f := Format{
		Version:                     int(smaller(local.Version, remote.Version)),
		Tight:                       local.TightEncodingEnabled && remote.TightEncodingEnabled,
		Cache:                       local.CacheEnabled && remote.CacheEnabled,
		CacheSize:                   int(min(local.CacheSize, remote.CacheSize)),
		StackTrace:                  local.StackTraceEnabled && remote.StackTraceEnabled,
		SizePrefixDisabled:          local.SizePrefixDisabled && remote.SizePrefixDisabled,
		TCPNoDelay:                  local.TCPNoDelayEnabled && remote.TCPNoDelayEnabled,
		MaxFrameSize:                max(smaller(local.MaxFrameSize, remote.MaxFrameSize), 0),
		MaxInactivityMS:             max(min(local.MaxInactivityMS, remote.MaxInactivityMS), 0),
		MaxInactivityInitialDelayMS: max(min(local.MaxInactivityInitialDelayMS, remote.MaxInactivityInitialDelayMS), 0),
	}
	if f.Version < MinVersion || f.Version > MaxVersion {
		return Format{}, fmt.Errorf("version %d: %w", f.Version, ErrVersion)
	}
	if f.CacheSize < 0 {
		return Format{}, fmt.Errorf("cache size %d: %w", f.CacheSize, ErrMalformed)
	}
	if f.CacheSize == 0 {
		f.CacheSize = maxCacheSize
	}
	return f, nil
}

// smaller takes what is not positive for not given.
func smaller[T int32 | int64](a, b T) T {
	if a < b && a > 0 || b <= 0 {
		return a
	}
	return b
}
