package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/config"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store/memory"
)

func TestDestinationFile(t *testing.T) {
	c := &config.Broker{BrokerName: "b", DataDirectory: t.TempDir()}
	log := slog.New(slog.DiscardHandler)
	none := newDestinationFile(c, log)
	require.Empty(t, none.read())
	none.keep(nil, nil)()

	c.Plugins.Destinations = &config.DestinationsPlugin{}
	path := filepath.Join(c.DataDirectory, "b", "destinations")
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte("queue://orders\n news \n\ntopic://ActiveMQ.Advisory.Queue\ntemp-queue://ID:a:1\ntopic://prices\n"), 0o644))
	f := newDestinationFile(c, log)
	listed := f.read()
	require.Equal(t, []message.Destination{message.NewQueue("orders"), message.NewQueue("news"), message.NewTopic("prices")}, listed)

	s := memory.New()
	b, err := broker.New(broker.Options{Name: "b", ID: "ID:b", Store: s, Log: log, RoutingOptions: broker.RoutingOptions{Destinations: listed}})
	require.NoError(t, err)
	end := f.keep(b, nil)
	require.NoError(t, b.RemoveDestination(message.NewQueue("news")))
	end()
	require.NoError(t, b.Close(context.Background()))
	require.NoError(t, s.Close())
	require.Equal(t, []message.Destination{message.NewQueue("orders"), message.NewTopic("prices")}, f.read())
}
