package pglock

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

// readLease gives the holder in ActiveMQ's lock row, and for how many
// milliseconds from now, by the database's clock.
func readLease(ctx context.Context, q querier, table string) (name string, millis int64, err error) {
	err = q.QueryRow(ctx, "SELECT COALESCE(BROKER_NAME, ''), COALESCE(TIME, 0) - "+nowMillis+" FROM "+table+" WHERE ID = 1").Scan(&name, &millis)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", 0, nil
	}
	if name == "" {
		millis = min(millis, 0)
	}
	return name, millis, err
}

// leaseName is what a broker of ours writes there: its name, and the identity
// of one ownership, so that two brokers of one name do not both own it.
func leaseName(broker, id string) string {
	return clip(broker[:min(len(broker), 200)] + "#" + id)
}
