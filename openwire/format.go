package openwire

// Versions of the protocol.
const (
	MinVersion   = 1
	MaxVersion   = 12
	StoreVersion = 11 // of stored messages (ActiveMQ: storeOpenWireVersion)
)

const (
	// DefaultCacheSize is what ActiveMQ proposes, and what is used where
	// nothing was agreed.
	DefaultCacheSize = 1024
	maxCacheSize     = 16383 // ActiveMQ: OpenWireFormat.MARSHAL_CACHE_SIZE
)

// Format is how frames are encoded on one connection, the same in both
// directions. The zero Format with a Version is loose and uncached.
// (ActiveMQ: OpenWireFormat)
type Format struct {
	Version            int
	Tight              bool
	Cache              bool
	CacheSize          int // entries, 0 is DefaultCacheSize
	StackTrace         bool
	SizePrefixDisabled bool
	TCPNoDelay         bool
	MaxFrameSize       int64 // bytes after the size prefix, 0 is unlimited
	// Inactivity of the peer after which a connection is closed, and the grace
	// at its start; 0 is never.
	MaxInactivityMS             int64
	MaxInactivityInitialDelayMS int64
}

// InitialFormat is in force until both WireFormatInfos are exchanged.
func InitialFormat() Format { return Format{Version: MinVersion} }

// StoreFormat is the format of what KahaDB and the JDBC store keep.
func StoreFormat() Format { return Format{Version: StoreVersion} }

// cacheLimit gives the entries of the cache, or 0 where there is none.
func (f *Format) cacheLimit() int {
	switch {
	case !f.Cache:
		return 0
	case f.CacheSize <= 0:
		return DefaultCacheSize
	}
	return min(f.CacheSize, maxCacheSize)
}

// Header is what every command begins with. (ActiveMQ: BaseCommand)
type Header struct {
	CommandID        int32
	ResponseRequired bool
}

// unlimited guards against overflow of the int32 size prefix.
const unlimited = 1<<31 - 1

func (f *Format) frameLimit() int64 {
	if f.MaxFrameSize <= 0 || f.MaxFrameSize > unlimited {
		return unlimited
	}
	return f.MaxFrameSize
}
