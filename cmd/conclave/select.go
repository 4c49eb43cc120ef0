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

// find returns the brokers and, if it is known, the store's directory.
func (s *selection) find(cmd *cobra.Command) ([]control.Broker, string, error) {
	if s.all || s.pid != 0 {
		return control.Find(control.Match{PID: s.pid}), "", nil
	}
	var m control.Match
	if !cmd.Flags().Changed("config") && (cmd.Flags().Changed("directory") || cmd.Flags().Changed("brokerName")) {
		return s.findByFlags(cmd)
	}
	c, err := s.config.load()
	if err != nil {
		return nil, "", err
	}
	directory, err := absoluteStore(&c.Broker)
	if err != nil {
		return nil, "", err
	}
	m.ConfigFile, m.Directory, m.Embedded = c.File, directory, c.File == ""
	return control.Find(m), directory, nil
}

// findByFlags looks for brokers of a directory or a name, however configured.
func (s *selection) findByFlags(cmd *cobra.Command) ([]control.Broker, string, error) {
	var m control.Match
	m.BrokerName = cmd.Flag("brokerName").Value.String()
	if given := cmd.Flag("directory").Value.String(); given != "" {
		directory, err := filepath.Abs(given)
		if err != nil {
			return nil, "", err
		}
		m.Directory = directory
	}
	return control.Find(m), m.Directory, nil
}

// absoluteStore is the store's directory, "" if there is none.
func absoluteStore(b *config.Broker) (string, error) {
	dir := b.StoreDirectory()
	if dir == "" {
		return "", nil
	}
	return filepath.Abs(dir)
}
