package jolokia

import (
	"bufio"
	"encoding/json"
	"io"
	"iter"
	"maps"
	"net/http"
	"slices"
)

// write sends an answer. The list of many beans is large and says the same of
// each, so it is written piece by piece and is never in memory as a whole.
func write(w http.ResponseWriter, answer any) {
	h := w.Header()
	h.Set("Content-Type", "text/plain;charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	out := bufio.NewWriterSize(w, 32<<10)
	if err := encode(out, answer); err == nil {
		_ = out.Flush() // who has asked may be gone
	}
}

// encode writes JSON with keys in order.
func encode(out *bufio.Writer, value any) error {
	switch v := value.(type) {
	case map[string]any:
		return encodeMap(out, v)
	case []any:
		return encodeList(out, slices.Values(v))
	case iter.Seq[any]:
		return encodeList(out, v)
	}
	text, err := json.Marshal(value)
	if err == nil {
		_, err = out.Write(text)
	}
	return err
}

func encodeMap(out *bufio.Writer, m map[string]any) error {
	separator := "{"
	for _, key := range slices.Sorted(maps.Keys(m)) {
		text, err := json.Marshal(key)
		if err != nil {
			return err
		}
		if err := writeAll(out, separator, string(text), ":"); err != nil {
			return err
		}
		if err := encode(out, m[key]); err != nil {
			return err
		}
		separator = ","
	}
	if len(m) == 0 {
		return writeAll(out, "{}")
	}
	return writeAll(out, "}")
}

func encodeList(out *bufio.Writer, list iter.Seq[any]) error {
	separator := "["
	for one := range list {
		if err := writeAll(out, separator); err != nil {
			return err
		}
		if err := encode(out, one); err != nil {
			return err
		}
		separator = ","
	}
	if separator == "[" {
		return writeAll(out, "[]")
	}
	return writeAll(out, "]")
}

func writeAll(out io.StringWriter, parts ...string) error {
	for _, part := range parts {
		if _, err := out.WriteString(part); err != nil {
			return err
		}
	}
	return nil
}
