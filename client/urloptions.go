package client

import (
	"strconv"
	"time"
)

// The options that a URL may name, by ActiveMQ's names.

var wireSetters = map[string]setter[wireOptions]{
	"wireFormat.version":                          number(32, func(w *wireOptions) *int32 { return &w.version }),
	"wireFormat.cacheEnabled":                     boolean(func(w *wireOptions) *bool { return &w.cacheEnabled }),
	"wireFormat.cacheSize":                        number(16, func(w *wireOptions) *int32 { return &w.cacheSize }),
	"wireFormat.tightEncodingEnabled":             boolean(func(w *wireOptions) *bool { return &w.tightEncoding }),
	"wireFormat.stackTraceEnabled":                boolean(func(w *wireOptions) *bool { return &w.stackTrace }),
	"wireFormat.tcpNoDelayEnabled":                boolean(func(w *wireOptions) *bool { return &w.noDelay }),
	"wireFormat.maxFrameSize":                     number(64, func(w *wireOptions) *int64 { return &w.maxFrameSize }),
	"wireFormat.maxInactivityDuration":            milliseconds(func(w *wireOptions) *time.Duration { return &w.inactivity }),
	"wireFormat.maxInactivityDurationInitalDelay": milliseconds(func(w *wireOptions) *time.Duration { return &w.inactivityInitial }),
	"connectionTimeout":                           milliseconds(func(w *wireOptions) *time.Duration { return &w.connectTimeout }),
	"tcpNoDelay":                                  boolean(func(w *wireOptions) *bool { return &w.noDelay }),
	"socketBufferSize":                            number(32, func(w *wireOptions) *int { return &w.bufferSize }),
}

var jmsSetters = map[string]setter[Options]{
	"jms.userName":                            text(func(o *Options) *string { return &o.UserName }),
	"jms.password":                            text(func(o *Options) *string { return &o.Password }),
	"jms.clientID":                            text(func(o *Options) *string { return &o.ClientID }),
	"jms.useAsyncSend":                        boolean(func(o *Options) *bool { return &o.AsyncSend }),
	"jms.alwaysSyncSend":                      boolean(func(o *Options) *bool { return &o.SyncSend }),
	"jms.prefetchPolicy.queuePrefetch":        prefetch(func(p *Prefetch) *int32 { return &p.Queue }),
	"jms.prefetchPolicy.queueBrowserPrefetch": prefetch(func(p *Prefetch) *int32 { return &p.QueueBrowser }),
	"jms.prefetchPolicy.topicPrefetch":        prefetch(func(p *Prefetch) *int32 { return &p.Topic }),
	"jms.prefetchPolicy.durableTopicPrefetch": prefetch(func(p *Prefetch) *int32 { return &p.DurableTopic }),
	"jms.prefetchPolicy.all": prefetch(
		func(p *Prefetch) *int32 { return &p.Queue },
		func(p *Prefetch) *int32 { return &p.QueueBrowser },
		func(p *Prefetch) *int32 { return &p.Topic },
		func(p *Prefetch) *int32 { return &p.DurableTopic }),
}

var failoverSetters = map[string]setter[failoverOptions]{
	"initialReconnectDelay":       milliseconds(func(f *failoverOptions) *time.Duration { return &f.initialReconnectDelay }),
	"maxReconnectDelay":           milliseconds(func(f *failoverOptions) *time.Duration { return &f.maxReconnectDelay }),
	"useExponentialBackOff":       boolean(func(f *failoverOptions) *bool { return &f.exponentialBackOff }),
	"reconnectDelayExponent":      multiplier,
	"backOffMultiplier":           multiplier,
	"maxReconnectAttempts":        number(32, func(f *failoverOptions) *int { return &f.maxAttempts }),
	"startupMaxReconnectAttempts": number(32, func(f *failoverOptions) *int { return &f.startupMaxAttempts }),
	"randomize":                   boolean(func(f *failoverOptions) *bool { return &f.randomize }),
}

func multiplier(f *failoverOptions, v string) (err error) {
	f.backOffMultiplier, err = strconv.ParseFloat(v, 64)
	return err
}
