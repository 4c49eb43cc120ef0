package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/conclavemq/conclave/cmd/conclave/control"
	"github.com/conclavemq/conclave/cmd/conclave/node"
	"github.com/conclavemq/conclave/config"
	"github.com/conclavemq/conclave/lock"
)

func newStartCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "start",
		Short: "Run a broker in the foreground",
		Long: "Run a broker: wait for the lock as a slave, then serve as master. SIGTERM and\n" +
			"SIGINT stop it cleanly, a second one at once.\n" +
			"Exit code 0: stopped cleanly; 1: could not serve; 2: bad flags or configuration;\n" +
			"6: the lock is held and failIfLocked is set; 7: mastership was lost and\n" +
			"restartAllowed is false; 8: stopping did not finish in its bound; 128 and more:\n" +
			"ended by a second signal.",
		Args: cobra.NoArgs,
	}
	flags := addConfigFlags(cmd)
	level := cmd.Flags().String("log-level", "info", "debug, info, warn or error")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := flags.load()
		if err != nil {
			return err
		}
		log, writer, err := newLog(*level)
		if err != nil {
			return err
		}
		defer writer.flush()
		return start(cmd.Context(), c, log, writer.flush)
	}
	return cmd
}

// start runs the node of a configuration to its end, and begins anew as a
// slave, in the same process, when mastership was lost. flush is called before
// the process ends in any other way than by return.
func start(ctx context.Context, c *config.Config, log *slog.Logger, flush func()) error {
	slog.SetDefault(log)
	tuneCollector()
	for _, warning := range c.Warnings {
		log.Warn("configuration", "warning", warning)
	}
	locker, err := newLocker(&c.Broker, log)
	if err != nil {
		return &codedError{exitUsage, err}
	}
	follower, err := newFollower(&c.Broker, log)
	if err != nil {
		return &codedError{exitUsage, err}
	}
	suitable, err := newSuitability(&c.Broker, log)
	if err != nil {
		return &codedError{exitUsage, err}
	}
	boot := &bootstrap{config: &c.Broker, log: log, began: time.Now(), follower: follower, suitable: suitable}
	options, view, err := nodeOptions(boot, locker)
	if err != nil {
		return &codedError{exitUsage, err}
	}
	n := node.New(options)
	ctx, stop := untilSignal(ctx, log, flush)
	defer stop()
	defer startConsole(c, n, boot, options.Holder)()
	server, err := serveControl(c, n, boot, view, stop)
	if err != nil {
		log.Warn("status and stop will not find this broker", "error", err)
	} else {
		server.AllowHolds(boot.hold)
	}
	log.Info("Conclave is starting", "version", fullVersion(), "broker", c.Broker.BrokerName,
		"pid", os.Getpid(), "store", storeName(&c.Broker))

	err = pauseAfterRestart(ctx)
	if err == nil {
		err = suitable.inspect(ctx)
	}
	if err == nil {
		err = n.Run(ctx)
	}
	if errors.Is(err, node.ErrHandedOver) {
		log.Info("starting again as a slave")
		if server != nil {
			server.Settle()
		}
		flush()
		err = restart(false)
	}
	if mayRestart(err) && c.Broker.RestartAllowed {
		log.Error("mastership is lost: starting again as a slave", "cause", err)
		flush()
		err = errors.Join(err, restart(true))
	}
	if server != nil {
		if errClose := server.Close(); errClose != nil {
			log.Warn("control socket", "error", errClose)
		}
	}
	return withCode(err)
}

// mayRestart reports an end after which a slave may be of use: a mastership was
// lost, or could not be taken over.
func mayRestart(err error) bool {
	return errors.Is(err, node.ErrLost) || errors.Is(err, node.ErrTakeOver)
}

// nodeOptions puts a node together. view adds to an account who owns a database.
func nodeOptions(boot *bootstrap, locker lock.Locker) (o node.Options, view func(*control.Account), err error) {
	o = node.Options{Locker: locker, Start: boot.start, Follow: boot.follow(), Log: boot.log}
	switch locker := locker.(type) {
	case *lock.FileLocker:
		k := kahaDB(boot.config)
		o.Designate = locker.Designate
		o.Holder = func() (lock.Status, error) { return lock.ReadHolder(k.Directory) }
		if fileSystem, err := lock.Detect(k.Directory); err == nil && !fileSystem.Local {
			o.TakeTime = time.Second + 2*k.LockAcquireSleepInterval()
		}
	case databaseLocker:
		w, err := newWatcher(boot.config.Database())
		if err != nil {
			return o, nil, err
		}
		boot.database = locker
		databaseNode(&o, locker, w)
		view = electionView(boot.config.Database())
	}
	return o, view, nil
}

// withCode gives the end of a node its exit code.
func withCode(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, lock.ErrHeld):
		return &codedError{exitHeld, err}
	case errors.Is(err, node.ErrLost):
		return &codedError{exitLost, err}
	case errors.Is(err, node.ErrUnclean):
		return &codedError{exitUnclean, err}
	}
	return err
}

// untilSignal ends the context at the first signal, or when stop is called,
// and the process at the second.
func untilSignal(ctx context.Context, log *slog.Logger, flush func()) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	signal.Ignore(syscall.SIGPIPE) // whoever reads the log may go before the broker does
	var seen atomic.Bool
	go func() {
		for s := range signals {
			number, _ := s.(syscall.Signal)
			if seen.Swap(true) {
				log.Warn("second signal: ending at once", "signal", s.String())
				flush()
				os.Exit(exitSignalled + int(number))
			}
			log.Info("shutting down", "signal", s.String())
			cancel()
		}
	}()
	return ctx, cancel
}

func serveControl(c *config.Config, n *node.Node, boot *bootstrap, view func(*control.Account), stop func()) (*control.Server, error) {
	directory, err := absoluteStore(&c.Broker)
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	identity := control.Account{BrokerName: c.Broker.BrokerName, PID: os.Getpid(), Host: host,
		Version: fullVersion(), ConfigFile: c.File, Directory: directory, Database: databaseName(c.Broker.Database())}
	return control.Serve(func() control.Account {
		a := identity
		a.Status = n.Status()
		boot.describe(&a)
		if view != nil {
			view(&a)
		}
		return a
	}, control.Acts{Stop: stop, HandOver: n.HandOver})
}
