package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/conclavemq/conclave/config"
	"github.com/conclavemq/conclave/lock/storage"
)

// configFlags are the flags from which a configuration is read.
type configFlags struct {
	file       string
	properties []string
	uris       []string
	overrides  map[string]*pflag.Flag // by the attribute's path
}

// addConfigFlags gives a command -c, -D and the flags that override the file.
func addConfigFlags(cmd *cobra.Command) *configFlags {
	f := &configFlags{overrides: make(map[string]*pflag.Flag)}
	flags := cmd.Flags()
	flags.StringVarP(&f.file, "config", "c", "", "YAML `file` that mirrors activemq.xml (default: a broker on tcp://127.0.0.1:61616 with ./data/kahadb)")
	flags.StringArrayVarP(&f.properties, "define", "D", nil, "set a placeholder: -D `name=value`")
	flags.StringArrayVar(&f.uris, "uri", nil, "listen on this `uri` instead of the configured ones; may be repeated")
	for path, flag := range map[string][2]string{
		"broker.brokerName":                          {"brokerName", "`name` of this broker"},
		"broker.allowUnsafeStorage":                  {"allowUnsafeStorage", "start although these `checks` of the storage find it unsafe: name,name"},
		"broker.persistenceAdapter.kahaDB.directory": {"directory", "KahaDB `directory`, shared by the brokers of a pair"},
	} {
		flags.String(flag[0], "", flag[1])
		f.overrides[path] = flags.Lookup(flag[0])
	}
	return f
}

// load reads the configuration and the connectors' URIs in it.
func (f *configFlags) load() (*config.Config, error) {
	properties := make(config.Properties)
	for _, p := range f.properties {
		name, value, ok := strings.Cut(p, "=")
		if !ok {
			return nil, &codedError{exitUsage, fmt.Errorf("-D %s: write -D name=value", p)}
		}
		properties[name] = value
	}
	c, err := config.Load(config.Source{File: f.file, Properties: properties, Flags: f.overrides, URIs: f.uris})
	if err != nil {
		return nil, &codedError{exitUsage, err}
	}
	if _, err := storage.ParseNames(c.Broker.AllowUnsafeStorage); err != nil {
		return nil, &codedError{exitUsage, fmt.Errorf("broker.allowUnsafeStorage: %w", err)}
	}
	if err := checkSelectors(&c.Broker); err != nil {
		return nil, &codedError{exitUsage, err}
	}
	var connectors []*connector
	for i := range c.Broker.TransportConnectors {
		r, err := readConnector(&c.Broker.TransportConnectors[i])
		if err != nil {
			at := fmt.Sprintf("broker.transportConnectors[%d]", i)
			if f.file != "" {
				at = f.file + ": " + at
			}
			return nil, &codedError{exitUsage, fmt.Errorf("%s.%w", at, err)}
		}
		connectors = append(connectors, r)
	}
	if err := checkConsole(c, connectors); err != nil {
		return nil, &codedError{exitUsage, err}
	}
	for i := range c.Broker.NetworkConnectors {
		if _, err := readNetwork(&c.Broker.NetworkConnectors[i], c.Broker.AdvisorySupport); err != nil {
			at := fmt.Sprintf("broker.networkConnectors[%d]", i)
			if f.file != "" {
				at = f.file + ": " + at
			}
			return nil, &codedError{exitUsage, fmt.Errorf("%s.%w", at, err)}
		}
	}
	return c, nil
}
