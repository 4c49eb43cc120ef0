package config

import (
	"fmt"
	"net/url"
	"strings"
)

// MessageGroupMapFactory is the <messageGroupMapFactory> property: which
// consumer has which message group is remembered in one of three ways. At most
// one is set; none leaves it to messageGroupMapFactoryType.
type MessageGroupMapFactory struct {
	Cached *CachedMessageGroupMapFactory  `config:"cachedMessageGroupMapFactory"`
	Bucket *MessageGroupHashBucketFactory `config:"messageGroupHashBucketFactory"`
	Simple *SimpleMessageGroupMapFactory  `config:"simpleMessageGroupMapFactory"`
}

func (MessageGroupMapFactory) others() others { return nil }

// CachedMessageGroupMapFactory remembers the groups that were used last.
type CachedMessageGroupMapFactory struct {
	CacheSize int `config:"cacheSize"` // groups
}

func (f *CachedMessageGroupMapFactory) setDefaults() { f.CacheSize = 1024 }

func (CachedMessageGroupMapFactory) others() others { return nil }

// MessageGroupHashBucketFactory divides all groups into a number of sets.
type MessageGroupHashBucketFactory struct {
	BucketCount int `config:"bucketCount"`
}

func (f *MessageGroupHashBucketFactory) setDefaults() { f.BucketCount = 1024 }

func (MessageGroupHashBucketFactory) others() others {
	return others{"cacheSize": tuned("64", reasonNames)}
}

const reasonNames = "it is how many names of groups ActiveMQ keeps to show them"

// SimpleMessageGroupMapFactory remembers all groups.
type SimpleMessageGroupMapFactory struct{}

func (SimpleMessageGroupMapFactory) others() others { return nil }

// MaxGroups bounds the groups, or buckets, of a queue.
const MaxGroups = 1 << 20

// Groups is the way in which groups are remembered, whichever attribute says
// so: exactly one of its fields is set.
func (e *QueueEntry) Groups() (MessageGroupMapFactory, error) {
	if f := e.MessageGroupMapFactory; f != (MessageGroupMapFactory{}) {
		return f, nil
	}
	kind, options, _ := strings.Cut(e.MessageGroupMapFactoryType, "?")
	cached, bucket := &CachedMessageGroupMapFactory{}, &MessageGroupHashBucketFactory{}
	cached.setDefaults()
	bucket.setDefaults()
	switch strings.TrimSpace(kind) {
	case "cached":
		return MessageGroupMapFactory{Cached: cached}, parseSizes(options, map[string]*int{"cacheSize": &cached.CacheSize})
	case "bucket":
		return MessageGroupMapFactory{Bucket: bucket}, parseSizes(options, map[string]*int{"bucketCount": &bucket.BucketCount, "cacheSize": new(int)})
	case "simple":
		return MessageGroupMapFactory{Simple: &SimpleMessageGroupMapFactory{}}, parseSizes(options, nil)
	}
	return MessageGroupMapFactory{}, fmt.Errorf("%w: %q is none of cached, bucket, simple", ErrValue, kind)
}

// parseSizes reads options as they stand in a URI.
func parseSizes(options string, sizes map[string]*int) error {
	values, err := url.ParseQuery(options)
	if err != nil {
		return fmt.Errorf("%w: %q are no options: %w", ErrValue, options, err)
	}
	for name := range values {
		size := sizes[name]
		if size == nil {
			return fmt.Errorf("%w: %q is not known there", ErrValue, name)
		}
		if *size, err = parseInt(values.Get(name)); err != nil {
			return err
		}
	}
	return nil
}

func (e *QueueEntry) checkGroups(b *binder, path string) {
	f, err := e.Groups()
	switch {
	case err != nil:
		b.bad(path+".messageGroupMapFactoryType", strings.TrimPrefix(err.Error(), ErrValue.Error()+": "))
	case e.MessageGroupMapFactory.given() > 1:
		b.bad(path+".messageGroupMapFactory", "has more than one factory")
	case f.Cached != nil:
		b.within(path+".messageGroupMapFactory", int64(f.Cached.CacheSize), 1, MaxGroups)
	case f.Bucket != nil:
		b.within(path+".messageGroupMapFactory", int64(f.Bucket.BucketCount), 1, MaxGroups)
	}
}

func (f MessageGroupMapFactory) given() int {
	n := 0
	for _, is := range []bool{f.Cached != nil, f.Bucket != nil, f.Simple != nil} {
		if is {
			n++
		}
	}
	return n
}
