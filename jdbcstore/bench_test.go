//go:build postgres

package jdbcstore

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

var benchQueue = message.NewQueue("BENCH")

func benchMessage(p, n int64) *message.Message {
	id := message.MessageID{Producer: message.ProducerID{Connection: "ID:bench.example.org-40000-1600000000000-1:1", Session: 1, Value: p}, ProducerSequence: n}
	return &message.Message{Body: message.Bytes, Persistent: true, Priority: 4, ID: id, Producer: id.Producer,
		Destination: benchQueue, Timestamp: 1600000000000, Content: bytes.Repeat([]byte{byte(n)}, 1024)}
}

func benchAdd(p, n int64) store.Op {
	return store.Op{Action: store.Add, Destination: benchQueue, Message: benchMessage(p, n)}
}

// wal reads how many bytes the server has written to its log.
func wal(b *testing.B) int64 {
	return number(b, `SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint`)
}

// measured reports messages a second and bytes of the log a message.
func measured(b *testing.B, messages int64, run func()) {
	before := wal(b)
	b.ResetTimer()
	run()
	b.StopTimer()
	b.ReportMetric(float64(messages)/b.Elapsed().Seconds(), "msgs/s")
	b.ReportMetric(float64(wal(b)-before)/float64(messages), "WAL-B/msg")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkSync is producers that wait for each message.
func BenchmarkSync(b *testing.B) {
	for _, producers := range []int{1, 8, 32} {
		b.Run(fmt.Sprint("producers=", producers), func(b *testing.B) {
			s := mustOpen(b, options(emptySchema(b)))
			each := b.N/producers + 1
			begun := s.batches
			measured(b, int64(each*producers), func() {
				var wait sync.WaitGroup
				for p := range producers {
					wait.Go(func() {
						done := make(chan error, 1)
						for n := range each {
							s.Append(store.Single(benchAdd(int64(p), int64(n)), true, func(err error) { done <- err }))
							if err := <-done; err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				wait.Wait()
			})
			require.NoError(b, s.Close())
			b.ReportMetric(float64(s.batches-begun)/float64(each*producers), "trips/msg")
		})
	}
}

// never as Options.CopyRows has arrays bring all messages.
const never = -1

// BenchmarkAsync is one producer that does not wait.
func BenchmarkAsync(b *testing.B) {
	for way, rows := range map[string]int{"arrays": never, "copy": DefaultCopyRows} {
		b.Run(way, func(b *testing.B) {
			o := options(emptySchema(b))
			o.CopyRows = rows
			s := mustOpen(b, o)
			begun := s.batches
			measured(b, int64(b.N), func() {
				var wait sync.WaitGroup
				for n := range b.N {
					require.NoError(b, s.Admit(context.Background()))
					wait.Add(1)
					s.Append(store.Single(benchAdd(1, int64(n)), false, func(error) { wait.Done() }))
				}
				wait.Wait()
			})
			b.ReportMetric(cpu(b, s.session.conn.PID())/float64(b.N), "server-us/msg")
			b.ReportMetric(float64(b.N)/float64(s.batches-begun), "msgs/batch")
			sql(b, "DROP SCHEMA "+strings.TrimSuffix(o.Tables.Prefix, ".")+" CASCADE")
		})
	}
}

// BenchmarkTransacted is 8 producers that commit 100 messages at a time.
func BenchmarkTransacted(b *testing.B) {
	s := mustOpen(b, options(emptySchema(b)))
	const producers, batch = 8, 100
	each := b.N/producers/batch + 1
	measured(b, int64(each*producers*batch), func() {
		var wait sync.WaitGroup
		for p := range producers {
			wait.Go(func() {
				done := make(chan error, 1)
				for n := range each {
					u := &store.Unit{Outcome: store.Commit, Sync: true, Done: func(err error) { done <- err },
						Transaction: message.TransactionID{Connection: "ID:bench", Value: int64(n)}}
					for i := range batch {
						u.Ops = append(u.Ops, benchAdd(int64(p), int64(n*batch+i)))
					}
					s.Append(u)
					if err := <-done; err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		wait.Wait()
	})
}

// cpu is how many microseconds of processors a process has used.
func cpu(b *testing.B, pid uint32) float64 {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(b, err)
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, err := strconv.Atoi(fields[11])
	require.NoError(b, err)
	system, err := strconv.Atoi(fields[12])
	require.NoError(b, err)
	return float64(user+system) * 10_000
}

// BenchmarkBatch is one producer that commits many messages at a time, which
// arrays bring or COPY.
func BenchmarkBatch(b *testing.B) {
	for _, batch := range []int{30, 100, 300, 1000, 3000} {
		for way, rows := range map[string]int{"arrays": never, "copy": 1} {
			b.Run(fmt.Sprint("messages=", batch, "/", way), func(b *testing.B) {
				o := options(emptySchema(b))
				o.CopyRows = rows
				s := mustOpen(b, o)
				each := b.N/batch + 1
				theirs, ours := cpu(b, s.session.conn.PID()), cpu(b, uint32(os.Getpid()))
				measured(b, int64(each*batch), func() {
					for n := range each {
						u := &store.Unit{Outcome: store.Commit, Sync: true, Transaction: message.TransactionID{Connection: "ID:bench", Value: int64(n)}}
						for i := range batch {
							u.Ops = append(u.Ops, benchAdd(1, int64(n*batch+i)))
						}
						require.NoError(b, await(s, u))
					}
				})
				b.ReportMetric((cpu(b, s.session.conn.PID())-theirs)/float64(each*batch), "server-us/msg")
				b.ReportMetric((cpu(b, uint32(os.Getpid()))-ours)/float64(each*batch), "own-us/msg")
				sql(b, "DROP SCHEMA "+strings.TrimSuffix(o.Tables.Prefix, ".")+" CASCADE")
			})
		}
	}
}

// BenchmarkDrain pages and removes, the removals of a page in flight together.
func BenchmarkDrain(b *testing.B) {
	s := mustOpen(b, options(emptySchema(b)))
	var wait sync.WaitGroup
	for n := range b.N {
		require.NoError(b, s.Admit(context.Background()))
		wait.Add(1)
		s.Append(store.Single(benchAdd(1, int64(n)), false, func(error) { wait.Done() }))
	}
	wait.Wait()
	measured(b, int64(b.N), func() {
		after := store.Seq(0)
		for {
			page, err := s.Page(nil, benchQueue, after, 400, 4<<20)
			require.NoError(b, err)
			if len(page) == 0 {
				break
			}
			for _, e := range page {
				wait.Add(1)
				s.Append(store.Single(store.Op{Action: store.Remove, Destination: benchQueue, ID: e.Message.ID, Seq: e.Seq}, false, func(error) { wait.Done() }))
				after = e.Seq
			}
		}
		wait.Wait()
	})
}

// BenchmarkPurge removes a queue of 100,000 messages.
func BenchmarkPurge(b *testing.B) {
	s := mustOpen(b, options(emptySchema(b)))
	for n := range b.N {
		b.StopTimer()
		var wait sync.WaitGroup
		for i := range 100_000 {
			wait.Add(1)
			s.Append(store.Single(benchAdd(int64(n), int64(i)), false, func(error) { wait.Done() }))
		}
		wait.Wait()
		b.StartTimer()
		done := make(chan error, 1)
		s.Append(store.Single(store.Op{Action: store.RemoveDestination, Destination: benchQueue}, true, func(err error) { done <- err }))
		require.NoError(b, <-done)
	}
}

// BenchmarkDurable is a durable subscription that reads and acknowledges a
// backlog in order.
func BenchmarkDurable(b *testing.B) {
	s := mustOpen(b, options(emptySchema(b)))
	news := message.NewTopic("NEWS")
	info := &message.SubscriptionInfo{ClientID: "a", Name: "sub", Destination: news, SubscribedDestination: news}
	other := &message.SubscriptionInfo{ClientID: "b", Name: "sub", Destination: news, SubscribedDestination: news}
	for _, i := range []*message.SubscriptionInfo{info, other} {
		require.NoError(b, await(s, store.Single(store.Op{Action: store.AddSubscription, Destination: news, Info: i, Subscription: i.Key()}, true, nil)))
	}
	var wait sync.WaitGroup
	for n := range b.N {
		require.NoError(b, s.Admit(context.Background()))
		wait.Add(1)
		s.Append(store.Single(store.Op{Action: store.Add, Destination: news, Message: topicMessage(int64(n))}, false, func(error) { wait.Done() }))
	}
	wait.Wait()
	measured(b, int64(b.N)*2, func() {
		for _, key := range []string{info.Key(), other.Key()} {
			after := store.Seq(0)
			for {
				page, err := s.PageSubscription(nil, news, key, after, 400, 4<<20)
				require.NoError(b, err)
				if len(page) == 0 {
					break
				}
				for _, e := range page {
					wait.Add(1)
					s.Append(store.Single(store.Op{Action: store.Acknowledge, Destination: news, ID: e.Message.ID, Seq: e.Seq, Subscription: key}, false, func(error) { wait.Done() }))
					after = e.Seq
				}
			}
			wait.Wait()
		}
	})
	require.Zero(b, number(b, `SELECT count(*) FROM `+s.o.Tables.Prefix+`ACTIVEMQ_MSGS`))
}

// BenchmarkTakeOver opens a schema with a large backlog. Its figure is the
// time to the first page.
func BenchmarkTakeOver(b *testing.B) {
	o := options(emptySchema(b))
	s := mustOpen(b, o)
	u := store.Single(benchAdd(1, 1), true, nil)
	require.NoError(b, await(s, u))
	require.NoError(b, s.Close())
	sql(b, `SET conclave.writer = 'on'`, `BEGIN; SET LOCAL conclave.writer = 'on'; INSERT INTO `+o.Tables.Prefix+`ACTIVEMQ_MSGS(ID, CONTAINER, MSGID_PROD, MSGID_SEQ, EXPIRATION, PRIORITY, MSG)
		SELECT i + 1, CONTAINER, MSGID_PROD, i, 0, 0, MSG FROM `+o.Tables.Prefix+`ACTIVEMQ_MSGS, generate_series(1, 1000000) i; UPDATE `+o.Tables.Prefix+`CONCLAVE_DESTS SET MESSAGES = 1000001; COMMIT`)
	b.ResetTimer()
	for range b.N {
		s := mustOpen(b, o)
		require.Equal(b, int64(1000001), s.Recovered().Destinations[0].Messages)
		page, err := s.Page(nil, benchQueue, 0, 100, 1<<20)
		require.NoError(b, err)
		require.Len(b, page, 100)
		require.NoError(b, await(s, store.Single(store.Op{Action: store.Recount, Destination: benchQueue, Seq: page[5].Seq, Redeliveries: 1}, true, nil)))
		b.StopTimer()
		require.NoError(b, s.Close())
		b.StartTimer()
	}
}
