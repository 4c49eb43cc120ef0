package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/conclavemq/conclave/journal/inspect"
	"github.com/conclavemq/conclave/message"
)

// extractFlags are those of `journal extract`.
type extractFlags struct {
	options inspect.ExtractOptions
	to      string
	out     string
	send    string
	as      string
	user    string
	secret  string
}

func newExtractCommand() *cobra.Command {
	f := &extractFlags{}
	cmd := &cobra.Command{
		Use:   "extract DIR --destination D [--to FILE | --out DIR | --send URL]",
		Short: "Take the messages of a destination out of a journal",
		Long: "Write the messages that wait in a destination of a KahaDB directory, damaged or\n" +
			"not, as JSON objects, one a line, with contents in base64; or to files; or send\n" +
			"them to a running broker. The directory is not changed: what is sent is still\n" +
			"in it. Messages that are sent keep their headers and properties, and get their\n" +
			"old identifier as the property " + originalProperty + ".",
		Args: oneDirectory,
	}
	flags := cmd.Flags()
	flags.StringVar(&f.options.Destination, "destination", "", "the `destination`: queue://NAME, topic://NAME or NAME")
	flags.BoolVar(&f.options.Damaged, "damaged", false, "also what decodes in damaged parts and side files; no checksum vouches for it")
	flags.StringVar(&f.to, "to", "", "write lines to this `file` instead of standard output")
	flags.StringVar(&f.out, "out", "", "write two files a message to this `directory`: headers (.json) and content (.body)")
	flags.StringVar(&f.send, "send", "", "send to the broker at this `url`")
	flags.StringVar(&f.as, "as", "", "send to this `destination` instead of the messages' own")
	flags.StringVar(&f.user, "user", "", "user `name` for --send")
	flags.StringVar(&f.secret, "password", "", "`password` for --send")
	cmd.MarkFlagsMutuallyExclusive("to", "out", "send")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if f.options.Destination == "" {
			return &codedError{exitUsage, errors.New("--destination is missing")}
		}
		if f.as != "" && f.send == "" {
			return &codedError{exitUsage, errors.New("--as needs --send")}
		}
		tuneTool()
		return f.run(cmd, args[0])
	}
	return cmd
}

// sink takes extracted messages.
type sink interface {
	put(m *message.Message, at inspect.Origin) error
	close() error
}

func (f *extractFlags) run(cmd *cobra.Command, dir string) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var to sink
	var err error
	switch {
	case f.send != "":
		to, err = newResender(ctx, f)
	case f.out != "":
		to, err = newFileSink(f.out)
	case f.to != "":
		to, err = newLineFile(f.to)
	default:
		to = &lineSink{out: buffered(cmd.OutOrStdout())}
	}
	if err != nil {
		return err
	}
	count, err := inspect.Extract(reader(), dir, f.options, func(m *message.Message, at inspect.Origin) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return to.put(m, at)
	})
	if err = errors.Join(err, to.close()); err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%d messages", count.Messages)
	if count.Damaged > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), ", of them %d from damaged parts", count.Damaged)
	}
	if count.Unreadable > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "; %d could not be read", count.Unreadable)
	}
	fmt.Fprintln(cmd.ErrOrStderr())
	return nil
}

// extractedLine is a message as JSON.
type extractedLine struct {
	*inspect.Message
	Origin inspect.Origin `json:"origin"`
}

// lineSink writes JSON lines.
type lineSink struct {
	out  interface{ Flush() error }
	file *os.File
}

func newLineFile(name string) (*lineSink, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return &lineSink{out: buffered(f), file: f}, nil
}

func (s *lineSink) put(m *message.Message, at inspect.Origin) error {
	return printJSON(s.out.(io.Writer), extractedLine{inspect.MessageOf(m, true), at})
}

func (s *lineSink) close() error {
	err := s.out.Flush()
	if s.file != nil {
		err = errors.Join(err, s.file.Sync(), s.file.Close())
	}
	return err
}

// fileSink writes two files a message.
type fileSink struct {
	dir string
	n   int
}

func newFileSink(dir string) (*fileSink, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	names, err := os.ReadDir(dir)
	if err == nil && len(names) > 0 {
		err = &codedError{exitUsage, fmt.Errorf("--out %s: the directory is not empty", dir)}
	}
	return &fileSink{dir: dir}, err
}

func (s *fileSink) put(m *message.Message, at inspect.Origin) error {
	s.n++
	name := filepath.Join(s.dir, fmt.Sprintf("%08d", s.n))
	if err := os.WriteFile(name+".body", m.Content, 0o600); err != nil {
		return err
	}
	f, err := os.OpenFile(name+".json", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(printJSON(f, extractedLine{inspect.MessageOf(m, false), at}), f.Close())
}

func (s *fileSink) close() error { return nil }
