package config

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Bounds on a configuration file; aliases count each time they are used.
const (
	maxFileSize = 4 << 20
	maxElements = 100_000
	maxDepth    = 32
)

// parseYAML reads one YAML document into elements.
func parseYAML(source string, text []byte) (*Element, error) {
	if len(text) > maxFileSize {
		return nil, fault(Origin{Source: source}, "", ErrSyntax, "larger than %d bytes", maxFileSize)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, more yaml.Node
	root := &Element{Origin: Origin{Source: source}}
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return root, nil
	case err != nil:
		return nil, fault(Origin{Source: source}, "", ErrSyntax, "%s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, fault(Origin{Source: source}, "", ErrSyntax, "holds more than one YAML document")
	}
	r := yamlReader{source: source}
	if err := r.fill(root, document.Content[0], 0); err != nil {
		return nil, err
	}
	return root, nil
}

// yamlReader turns YAML nodes into elements.
type yamlReader struct {
	source   string
	elements int
}

// fill gives e the content of the node.
func (r *yamlReader) fill(e *Element, node *yaml.Node, depth int) error {
	e.Origin = Origin{Source: r.source, Line: node.Line}
	r.elements++
	if depth > maxDepth || r.elements > maxElements {
		return fault(e.Origin, e.Name, ErrSyntax, "nested too deeply, or too many elements")
	}
	switch node.Kind {
	case yaml.AliasNode:
		return r.fill(e, node.Alias, depth+1)
	case yaml.ScalarNode:
		if node.Tag == "!!null" {
			return nil // an element without content
		}
		e.Scalar, e.Text = true, node.Value
		return nil
	case yaml.SequenceNode:
		e.Sequence = true
		for _, item := range node.Content {
			c := &Element{}
			if err := r.fill(c, item, depth+1); err != nil {
				return err
			}
			e.Children = append(e.Children, c)
		}
		return nil
	case yaml.MappingNode:
		return r.fillMapping(e, node, depth)
	}
	return fault(e.Origin, e.Name, ErrSyntax, "unexpected kind of YAML node")
}

func (r *yamlReader) fillMapping(e *Element, node *yaml.Node, depth int) error {
	seen := make(map[string]bool, len(node.Content)/2)
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i]
		at := Origin{Source: r.source, Line: key.Line}
		if key.Kind != yaml.ScalarNode {
			return fault(at, e.Name, ErrSyntax, "a key must be a plain name")
		}
		if folded := strings.ToLower(key.Value); seen[folded] {
			return fault(at, e.Name, ErrSyntax, "%s is given twice", key.Value)
		} else {
			seen[folded] = true
		}
		c := &Element{Name: key.Value}
		if err := r.fill(c, node.Content[i+1], depth+1); err != nil {
			return err
		}
		c.Origin = at
		e.Children = append(e.Children, c)
	}
	return nil
}

// tree gives the elements as nested maps with lower-case keys, which is how
// viper holds a configuration. Sequences become lists.
func (e *Element) tree() any {
	switch {
	case e.Scalar:
		return e.Text
	case e.Sequence:
		list := make([]any, len(e.Children))
		for i, c := range e.Children {
			list[i] = c.tree()
		}
		return list
	}
	m := make(map[string]any, len(e.Children))
	for _, c := range e.Children {
		m[strings.ToLower(c.Name)] = c.unwrap(c.Name).tree()
	}
	return m
}
