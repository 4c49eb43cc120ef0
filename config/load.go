package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"

	"github.com/spf13/pflag"
)

// Source says where a configuration comes from.
type Source struct {
	// File is a YAML file; "" is the embedded default, see Default.
	File string
	// Properties are -D name=value pairs for placeholders.
	Properties Properties
	// Flags override attributes: by path in the model's names, such as
	// "broker.brokerName". Only flags that were given count.
	Flags map[string]*pflag.Flag
	// URIs, if there are any, replace the transport connectors.
	URIs []string
}

// Load reads a configuration, puts the environment (CONCLAVE_BROKER_…) and the
// flags over it, binds it to the model and checks it. Its error joins one
// *Error for everything that is wrong.
func Load(src Source) (*Config, error) {
	c, root, err := open(src)
	if err != nil {
		return nil, err
	}
	if err := overlay(root, src); err != nil {
		return nil, err
	}
	b := binder{properties: src.Properties, origins: map[string]Origin{}}
	b.bind(root, reflect.ValueOf(c).Elem(), "")
	if len(src.URIs) > 0 {
		b.replaceConnectors(&c.Broker, src.URIs)
	}
	if len(b.errors) == 0 {
		b.check(c)
	}
	c.Warnings = b.warnings
	return c, errors.Join(b.errors...)
}

// open gives the defaults that hold and the elements that were written.
func open(src Source) (*Config, *Element, error) {
	if src.File == "" {
		return Default(), &Element{Origin: Origin{Source: "embedded default"}}, nil
	}
	text, err := readFile(src.File)
	if err != nil {
		return nil, nil, err
	}
	root, err := parseYAML(src.File, text)
	if err != nil {
		return nil, nil, err
	}
	c := blank()
	if c.File, err = filepath.Abs(src.File); err != nil {
		return nil, nil, err
	}
	return c, root, nil
}

func readFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	if info.Size() > maxFileSize {
		return nil, fault(Origin{Source: name}, "", ErrSyntax, "larger than %d bytes", maxFileSize)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return text, nil
}

// replaceConnectors makes one connector of each URI given on the command line.
func (b *binder) replaceConnectors(broker *Broker, uris []string) {
	broker.TransportConnectors = nil
	for i, uri := range uris {
		name := "openwire"
		if i > 0 {
			name = fmt.Sprintf("openwire%d", i+1)
		}
		broker.TransportConnectors = append(broker.TransportConnectors, newConnector(name, uri))
		b.origins[index("broker.transportConnectors", i)] = Origin{Source: "flag --uri"}
	}
}

func index(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }
