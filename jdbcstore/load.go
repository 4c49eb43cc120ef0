package jdbcstore

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
	"github.com/conclavemq/conclave/store"
)

// load reads the state that is kept for a take-over.
func (s *Store) load(ctx context.Context, conn *pgx.Conn, foreign bool) error {
	state := &store.State{}
	dests, err := s.loadDestinations(ctx, conn, state)
	if err != nil {
		return err
	}
	if err := s.loadSubscriptions(ctx, conn, dests); err != nil {
		return err
	}
	var last int64
	if err := conn.QueryRow(ctx, s.names.Replace(`SELECT GREATEST((SELECT max(ID) FROM {msgs}), (SELECT max(LAST_ACKED_ID) FROM {acks}), (SELECT max(LAST_ID) FROM {dests}),
		(SELECT max(ID) FROM {prepared}), 0), (SELECT COALESCE(max(BATCH), 0) FROM {dests}), EXISTS (SELECT 1 FROM {counters})`)).Scan(&last, &s.batches, s.flag(&s.recounted)); err != nil {
		return err
	}
	s.lastSeq, s.high = store.Seq(last), store.Seq(last)
	if err := s.loadPrepared(ctx, conn, state); err != nil {
		return err
	}
	if foreign {
		if err := s.lastMessage(ctx, conn, state); err != nil {
			return err
		}
	}
	for _, d := range dests {
		slices.SortFunc(d.Subscriptions, func(a, b store.SubscriptionState) int { return cmp.Compare(a.Info.Key(), b.Info.Key()) })
		state.Destinations = append(state.Destinations, *d)
		state.Rival = state.Rival || foreign && d.Messages > 0
	}
	s.recovered = state
	s.topics = s.committedTopics()
	return s.measure(ctx, conn)
}

// flag has a column set a flag.
func (s *Store) flag(f interface{ Store(bool) }) *setter { return &setter{f} }

// setter is a sql.Scanner.
type setter struct{ flag interface{ Store(bool) } }

// Scan takes a boolean.
func (s *setter) Scan(v any) error {
	on, _ := v.(bool)
	s.flag.Store(on)
	return nil
}

func (s *Store) loadDestinations(ctx context.Context, conn *pgx.Conn, state *store.State) (map[message.Destination]*store.DestinationState, error) {
	rows, err := conn.Query(ctx, s.names.Replace(`SELECT CONTAINER, MESSAGES, BYTES, EXPOSED, MIXED, BROKER_SEQ FROM {dests} WHERE CONTAINER <> ''`))
	if err != nil {
		return nil, err
	}
	dests := map[message.Destination]*store.DestinationState{}
	var container string
	var messages, bytes, exposed, broker int64
	var mixed bool
	_, err = pgx.ForEachRow(rows, []any{&container, &messages, &bytes, &exposed, &mixed, &broker}, func() error {
		s.counted[container] = true
		dest := message.ParseDestination(container, message.Queue)
		dests[dest] = &store.DestinationState{Destination: dest, Messages: max(messages, 0), Bytes: max(bytes, 0), Exposed: store.Segment(exposed)}
		if exposed > 0 {
			s.inherited[dest] = store.Segment(exposed)
		}
		if mixed && messages > 0 {
			s.mixed[dest] = true
		}
		state.LastBrokerSequence = max(state.LastBrokerSequence, broker)
		return nil
	})
	return dests, err
}

func (s *Store) loadSubscriptions(ctx context.Context, conn *pgx.Conn, dests map[message.Destination]*store.DestinationState) error {
	rows, err := conn.Query(ctx, s.names.Replace(`SELECT a.CONTAINER, a.CLIENT_ID, a.SUB_NAME, COALESCE(min(a.SELECTOR), ''), COALESCE(min(a.SUB_DEST), a.CONTAINER), count(*) = 1,
		COALESCE(bool_or(t.NO_LOCAL), FALSE), COALESCE(max(t.PENDING), 0),
		EXISTS (SELECT 1 FROM {acked} x WHERE x.CONTAINER = a.CONTAINER AND x.CLIENT_ID = a.CLIENT_ID AND x.SUB_NAME = a.SUB_NAME)
		FROM {acks} a LEFT JOIN {subs} t ON t.CONTAINER = a.CONTAINER AND t.CLIENT_ID = a.CLIENT_ID AND t.SUB_NAME = a.SUB_NAME
		WHERE a.PRIORITY < 10 GROUP BY a.CONTAINER, a.CLIENT_ID, a.SUB_NAME`))
	if err != nil {
		return err
	}
	var container, client, name, selector, named string
	var single, noLocal, sparse bool
	var pending int64
	_, err = pgx.ForEachRow(rows, []any{&container, &client, &name, &selector, &named, &single, &noLocal, &pending, &sparse}, func() error {
		dest := message.ParseDestination(container, message.Topic)
		info := message.SubscriptionInfo{ClientID: client, Name: name, Destination: dest, SubscribedDestination: message.ParseDestination(named, message.Topic), Selector: selector, NoLocal: noLocal}
		d := dests[dest]
		if d == nil {
			d = &store.DestinationState{Destination: dest}
			dests[dest] = d
		}
		d.Subscriptions = append(d.Subscriptions, store.SubscriptionState{Info: info, Pending: max(pending, 0)})
		s.readTopics.set(&subscription{dest: dest, container: container, client: client, name: name, single: single, sparse: sparse}, info.Key())
		return nil
	})
	return err
}

// loadPrepared reads the transactions that wait for their outcome. Messages that
// the server cannot read are left out.
func (s *Store) loadPrepared(ctx context.Context, conn *pgx.Conn, state *store.State) error {
	rows, err := s.readPrepared(ctx, conn, state, []int64{})
	if unreadable(err) {
		var damaged []int64
		if damaged, err = s.damagedPrepared(ctx, conn); err == nil {
			state.Prepared = nil
			rows, err = s.readPrepared(ctx, conn, state, damaged)
		}
	}
	if err != nil {
		return err
	}
	for i, p := range state.Prepared {
		s.branches.Restore(p.Transaction, p.Ops, rows[i])
	}
	return nil
}

// readPrepared is loadPrepared; the messages of damaged rows are not read.
func (s *Store) readPrepared(ctx context.Context, conn *pgx.Conn, state *store.State, damaged []int64) (rows []prepared, err error) {
	result, err := conn.Query(ctx, s.names.Replace(`SELECT p.XID, p.ACTION, p.CONTAINER, p.ID, p.MSGID_PROD, p.MSGID_SEQ, COALESCE(p.CLIENT_ID, ''), COALESCE(p.SUB_NAME, ''), p.UNMATCHED, p.PRIORITIZED, CASE WHEN p.ACTION = 1 AND p.ID <> ALL($1) THEN m.MSG END
		FROM {prepared} p LEFT JOIN {msgs} m ON m.ID = p.ID ORDER BY p.XID, p.N`), damaged)
	if err != nil {
		return nil, err
	}
	codec := openwire.NewStore(openwire.StoreVersion)
	var xid, container, client, name string
	var action int
	var row int64
	var producer *string
	var sequence *int64
	var unmatched, prioritized bool
	var data []byte
	_, err = pgx.ForEachRow(result, []any{&xid, &action, &container, &row, &producer, &sequence, &client, &name, &unmatched, &prioritized, &data}, func() error {
		_, _, id, err := decodeXID(xid)
		if err != nil {
			s.o.Log.Error("prepared operation that cannot be read; it is left out", "id", row, "error", err)
			return nil
		}
		op := store.Op{Action: store.Action(action), Destination: message.ParseDestination(container, message.Queue), Unmatched: unmatched, Prioritized: prioritized}
		if producer != nil && sequence != nil {
			if op.ID.Producer, err = message.ParseProducerID(*producer); err != nil {
				s.o.Log.Error("prepared operation that cannot be read; it is left out", "id", row, "error", err)
				return nil
			}
			op.ID.ProducerSequence = *sequence
		}
		switch op.Action {
		case store.Add:
			if op.Message, err = codec.Message(slices.Clone(data)); err != nil {
				s.o.Log.Error("message of a prepared transaction cannot be read back; it is left out", "id", row, "error", err)
				return nil
			}
			op.ID = op.Message.ID
		case store.Acknowledge:
			op.Seq, op.Subscription = store.Seq(row), client+":"+name
		default:
			op.Seq = store.Seq(row)
		}
		if last := len(state.Prepared) - 1; last < 0 || state.Prepared[last].Transaction != id {
			state.Prepared, rows = append(state.Prepared, store.Prepared{Transaction: id}), append(rows, prepared{})
		}
		last := len(rows) - 1
		state.Prepared[last].Ops = append(state.Prepared[last].Ops, op)
		rows[last].rows = append(rows[last].rows, row)
		return nil
	})
	return rows, err
}

// damagedPrepared looks for the rows of prepared messages that the server cannot
// read.
func (s *Store) damagedPrepared(ctx context.Context, conn *pgx.Conn) (damaged []int64, err error) {
	result, err := conn.Query(ctx, s.names.Replace(`SELECT ID FROM {prepared} WHERE ACTION = 1`))
	if err != nil {
		return nil, err
	}
	ids, err := pgx.CollectRows(result, pgx.RowTo[int64])
	for _, id := range ids {
		var data []byte
		switch err := conn.QueryRow(ctx, s.names.Replace(`SELECT MSG FROM {msgs} WHERE ID = $1`), id).Scan(&data); {
		case unreadable(err):
			damaged = append(damaged, id)
		case err != nil && !errors.Is(err, pgx.ErrNoRows):
			return nil, err
		}
	}
	return damaged, err
}

// lastMessage takes the broker's sequence from the newest message, as ActiveMQ
// does. (JDBCPersistenceAdapter.getLastMessageBrokerSequenceId)
func (s *Store) lastMessage(ctx context.Context, conn *pgx.Conn, state *store.State) error {
	var data []byte
	err := conn.QueryRow(ctx, s.names.Replace(`SELECT MSG FROM {msgs} ORDER BY ID DESC LIMIT 1`)).Scan(&data)
	if err == pgx.ErrNoRows || unreadable(err) { // which a page reports
		return nil
	}
	if err != nil {
		return err
	}
	if m, err := openwire.NewStore(openwire.StoreVersion).Message(data); err == nil {
		state.LastBrokerSequence = max(state.LastBrokerSequence, m.ID.BrokerSequence)
	}
	return nil
}

// measure asks how large the tables are.
func (s *Store) measure(ctx context.Context, conn interface {
	QueryRow(context.Context, string, ...any) pgx.Row
}) error {
	var size int64
	if err := conn.QueryRow(ctx, s.names.Replace(`SELECT pg_total_relation_size(to_regclass('{msgs}')) + pg_total_relation_size(to_regclass('{acks}'))`)).Scan(&size); err != nil {
		return err
	}
	s.size.Store(size)
	return nil
}
