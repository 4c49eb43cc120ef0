package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client"
)

func TestBooleansTakeTheNextWord(t *testing.T) {
	for _, args := range [][]string{
		{"--persistent", "false", "--messageCount", "5"},
		{"--persistent=false", "--messageCount=5"},
	} {
		cmd := newProducerCommand()
		require.NoError(t, cmd.ParseFlags(args))
		require.Equal(t, "false", cmd.Flag("persistent").Value.String())
		require.Equal(t, "5", cmd.Flag("messageCount").Value.String())
	}
	require.Error(t, newProducerCommand().ParseFlags([]string{"--persistent", "perhaps"}))
}

// Every flag of ActiveMQ's commands is there under its name and default.
func TestFlagsOfActiveMQsCommands(t *testing.T) {
	producer, consumer := newProducerCommand(), newConsumerCommand()
	for name, value := range map[string]string{
		"user": "", "password": "", "destination": "queue://TEST", "persistent": "true", "messageCount": "1000",
		"sleep": "0", "transactionBatchSize": "0", "parallelThreads": "1", "msgTTL": "0", "messageSize": "0",
		"textMessageSize": "0", "message": "", "payloadUrl": "", "msgGroupID": "", "messagePriority": "4",
		"disableMessageTimestamp": "false",
	} {
		require.Equal(t, value, producer.Flag(name).DefValue, name)
	}
	for name, value := range map[string]string{
		"user": "", "password": "", "destination": "queue://TEST", "messageCount": "1000", "sleep": "0",
		"ackMode": "AUTO_ACKNOWLEDGE", "batchSize": "10", "durable": "false", "clientId": "", "parallelThreads": "1",
		"bytesAsText": "false",
	} {
		require.Equal(t, value, consumer.Flag(name).DefValue, name)
	}
}

func TestLoadCommandsRefuseBadValues(t *testing.T) {
	for text, args := range map[string][]string{
		"--messagePriority 10":      {"producer", "--messagePriority", "10"},
		`scheme "ftp"`:              {"producer", "--payloadUrl", "ftp://host/file"},
		"--ackMode SOMETIMES":       {"consumer", "--ackMode", "SOMETIMES"},
		"--durable needs":           {"consumer", "--durable", "true", "--destination", "topic://T"},
		"option trace: not support": {"producer", "--brokerUrl", "tcp://127.0.0.1:1?trace=true"},
	} {
		root := newRootCommand()
		root.SetArgs(args)
		root.SetOut(new(bytes.Buffer))
		require.ErrorContains(t, root.ExecuteContext(t.Context()), text)
	}
}

func TestBodies(t *testing.T) {
	file := filepath.Join(t.TempDir(), "payload")
	require.NoError(t, os.WriteFile(file, []byte("from a file"), 0o600))
	for want, f := range map[string]producerFlags{
		"test message: 7": {},
		"said":            {message: "said"},
		"from a file":     {payloadURL: "file://" + file, message: "not this"},
		filler[:10]:       {textSize: 10},
	} {
		next, err := f.messages()
		require.NoError(t, err)
		m, err := next(0, 7)
		require.NoError(t, err)
		text, err := client.Text(m)
		require.NoError(t, err)
		require.Equal(t, want, text)
	}
	f := producerFlags{size: 3, group: "g"}
	next, err := f.messages()
	require.NoError(t, err)
	m, err := next(0, 0)
	require.NoError(t, err)
	require.Equal(t, []byte("..."), m.Content)
	require.Equal(t, "g", m.GroupID)
}
