package main

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/conclavemq/conclave/cmd/conclave/control"
	"github.com/conclavemq/conclave/config"
)

// selection picks broker processes of this host: by configuration, by pid, or
// all. Without flags it is the embedded default's broker in this directory.
type selection struct {
	config *configFlags
	pid    int
	all    bool
}

func addSelectionFlags(cmd *cobra.Command) *selection {
	s := &selection{config: addConfigFlags(cmd)}
	cmd.Flags().IntVar(&s.pid, "pid", 0, "the broker with this process `id`")
	cmd.Flags().BoolVar(&s.all, "all", false, "every broker of this host")
	return s
}

// place is where the messages of the chosen brokers are, as far as it is known.
type place struct {
	directory string // absolute
	database  *config.JDBC
}

// find returns the brokers and their store.
func (s *selection) find(cmd *cobra.Command) ([]control.Broker, place, error) {
	if s.all || s.pid != 0 {
		return control.Find(control.Match{PID: s.pid}), place{}, nil
	}
	var m control.Match
	if !cmd.Flags().Changed("config") && (cmd.Flags().Changed("directory") || cmd.Flags().Changed("brokerName")) {
		return s.findByFlags(cmd)
	}
	c, err := s.config.load()
	if err != nil {
		return nil, place{}, err
	}
	directory, err := absoluteStore(&c.Broker)
	if err != nil {
		return nil, place{}, err
	}
	m.ConfigFile, m.Directory, m.Embedded = c.File, directory, c.File == ""
	m.Database = databaseName(c.Broker.Database())
	return control.Find(m), place{directory, c.Broker.Database()}, nil
}

// findByFlags looks for brokers of a directory or a name, however configured.
func (s *selection) findByFlags(cmd *cobra.Command) ([]control.Broker, place, error) {
	var m control.Match
	m.BrokerName = cmd.Flag("brokerName").Value.String()
	if given := cmd.Flag("directory").Value.String(); given != "" {
		directory, err := filepath.Abs(given)
		if err != nil {
			return nil, place{}, err
		}
		m.Directory = directory
	}
	return control.Find(m), place{directory: m.Directory}, nil
}

// absoluteStore is the store's directory, "" if there is none.
func absoluteStore(b *config.Broker) (string, error) {
	dir := b.StoreDirectory()
	if dir == "" {
		return "", nil
	}
	return filepath.Abs(dir)
}
