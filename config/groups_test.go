package config

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestQueuePolicy(t *testing.T) {
	c, err := load(t, pair+`  destinationPolicy:
    policyMap:
      policyEntries:
        - {queue: a, queuePrefetch: 1, queueBrowserPrefetch: 2, topicPrefetch: 3, durableTopicPrefetch: 4, strictOrderDispatch: true}
        - {queue: b, consumersBeforeDispatchStarts: 2, timeBeforeDispatchStarts: 2000, enableAudit: false, lazyDispatch: true}
        - {queue: c}
`)
	require.NoError(t, err)
	entries := c.Broker.DestinationPolicy.PolicyMap.Entries
	a, b, d := entries[0].QueueEntry, entries[1].QueueEntry, entries[2].QueueEntry
	require.Equal(t, []int{1, 2, 3, 4}, []int{a.QueuePrefetch, a.QueueBrowserPrefetch, a.TopicPrefetch, a.DurableTopicPrefetch})
	require.True(t, a.StrictOrderDispatch)
	require.Equal(t, 2, b.ConsumersBeforeDispatchStarts)
	require.Equal(t, 2*time.Second, b.TimeBeforeDispatchStarts)
	require.Equal(t, []int{1000, 500, 32767, 100}, []int{d.QueuePrefetch, d.QueueBrowserPrefetch, d.TopicPrefetch, d.DurableTopicPrefetch})
	require.Contains(t, strings.Join(c.Warnings, "\n"), "enableAudit has no effect")
}

func TestMessageGroupMaps(t *testing.T) {
	cached := func(n int) MessageGroupMapFactory {
		return MessageGroupMapFactory{Cached: &CachedMessageGroupMapFactory{CacheSize: n}}
	}
	bucket := func(n int) MessageGroupMapFactory {
		return MessageGroupMapFactory{Bucket: &MessageGroupHashBucketFactory{BucketCount: n}}
	}
	simple := MessageGroupMapFactory{Simple: &SimpleMessageGroupMapFactory{}}
	for _, test := range []struct {
		text string
		want MessageGroupMapFactory
		bad  string
	}{
		{"queue: q", cached(1024), ""},
		{"messageGroupMapFactoryType: cached", cached(1024), ""},
		{`messageGroupMapFactoryType: "cached?cacheSize=3"`, cached(3), ""},
		{`messageGroupMapFactoryType: "bucket?bucketCount=5&cacheSize=9"`, bucket(5), ""},
		{"messageGroupMapFactoryType: simple", simple, ""},
		{"messageGroupMapFactory: {simpleMessageGroupMapFactory: {}}", simple, ""},
		{"messageGroupMapFactory: {cachedMessageGroupMapFactory: {cacheSize: 7}}", cached(7), ""},
		{"messageGroupMapFactory: {messageGroupHashBucketFactory: {bucketCount: 8, cacheSize: 9}}", bucket(8), ""},
		{"messageGroupMapFactoryType: endless", MessageGroupMapFactory{}, `"endless" is none of cached, bucket, simple`},
		{`messageGroupMapFactoryType: "cached?bucketCount=1"`, MessageGroupMapFactory{}, `"bucketCount" is not known there`},
		{`messageGroupMapFactoryType: "bucket?bucketCount=0"`, MessageGroupMapFactory{}, "0 is not within 1"},
		{`messageGroupMapFactoryType: "cached?cacheSize=x"`, MessageGroupMapFactory{}, "no whole number"},
		{"messageGroupMapFactory: {cachedMessageGroupMapFactory: {cacheSize: 2000000000}}", MessageGroupMapFactory{}, "is not within 1"},
		{"messageGroupMapFactory: {cachedMessageGroupMapFactory: {}, simpleMessageGroupMapFactory: {}}", MessageGroupMapFactory{}, "more than one factory"},
	} {
		t.Run(test.text, func(t *testing.T) {
			attribute := ", " + test.text
			if test.text == "queue: q" {
				attribute = ""
			}
			c, err := load(t, pair+"  destinationPolicy: {policyMap: {policyEntries: [{queue: q"+attribute+"}]}}\n")
			if test.bad != "" {
				require.ErrorContains(t, err, test.bad)
				return
			}
			require.NoError(t, err)
			got, err := c.Broker.DestinationPolicy.PolicyMap.Entries[0].Groups()
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
}
