package main

import (
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/conclavemq/conclave/cmd/conclave/control"
	"github.com/conclavemq/conclave/cmd/conclave/node"
	"github.com/conclavemq/conclave/config"
	"github.com/conclavemq/conclave/console"
	"github.com/conclavemq/conclave/lock"
)

// startConsole begins to serve HTTP, if that is configured. What goes wrong
// with it does not keep the broker from its work.
func startConsole(c *config.Config, n *node.Node, boot *bootstrap, holder func() (lock.Status, error)) func() {
	if c.Console == nil {
		return func() {}
	}
	host, err := os.Hostname()
	if err != nil {
		boot.log.Warn("the name of this host is not known", "error", err)
	}
	own := &consoleNode{node: n, boot: boot, identity: console.Status{
		BrokerName: c.Broker.BrokerName, Host: host, PID: os.Getpid(), Version: fullVersion(), Began: boot.began,
	}}
	if holder != nil {
		own.holder = &holderWatch{ask: holder}
	}
	server, err := console.Start(console.Options{
		Node: own, Host: c.Console.Host, Port: c.Console.Port, Users: consoleUsers(c.Console.Users), Log: boot.log,
	})
	if err != nil {
		boot.log.Error("there is no console", "error", err)
		return func() {}
	}
	boot.console.Store(server)
	return func() { closeConsole(server, boot.log) }
}

func closeConsole(server *console.Server, log *slog.Logger) {
	if err := server.Close(); err != nil {
		log.Warn("console", "error", err)
	}
}

func consoleUsers(list []config.ConsoleUser) []console.User {
	var users []console.User
	for _, u := range list {
		users = append(users, console.User{Name: u.Username, Password: u.Password})
	}
	return users
}

// consoleNode is what the console sees of this process.
type consoleNode struct {
	node     *node.Node
	boot     *bootstrap
	identity console.Status
	holder   *holderWatch // nil: there is no lock
}

// Broker implements console.Node.
func (c *consoleNode) Broker() console.Broker {
	m := c.boot.serving.Load()
	if m == nil || c.node.Status().Role != node.Master {
		return nil
	}
	return &consoleBroker{m, c.boot.config}
}

// Status implements console.Node.
func (c *consoleNode) Status() console.Status {
	var a control.Account
	a.Status = c.node.Status()
	c.boot.describe(&a)
	s := c.identity
	s.Role, s.Since, s.Epoch, s.URIs = string(a.Role), a.Since, a.Epoch, a.URIs
	s.Serving, s.Waiting = a.Role == node.Master, a.Role == node.Slave
	s.Holder, s.Problem = c.holder.describe(time.Now())
	if f := a.Following; f != nil {
		s.Following = &console.Following{CaughtUp: f.Following, BehindBytes: f.BehindBytes, BehindSeconds: seconds(float64(f.BehindMS)), Messages: f.Messages}
		if f.BehindMS < 0 {
			s.Following.BehindSeconds = -1
		}
	}
	if t := a.Start; t != nil {
		s.Start = &console.Takeover{All: seconds(t.TakeoverMS), Store: seconds(t.StoreMS), Broker: seconds(t.BrokerMS), Ports: seconds(t.PortsMS)}
	}
	if m := c.boot.serving.Load(); m != nil && s.Serving {
		s.Lease = leaseOf(m)
	}
	return s
}

func seconds(ms float64) float64 { return ms / 1000 }

// leaseOf is nil without a lock.
func leaseOf(m *master) *console.Lease {
	lease, ok := m.lease.(*lock.Lease)
	if !ok {
		return nil
	}
	ago, known := lease.Proven()
	if !known {
		return &console.Lease{CheckedSecondsAgo: -1}
	}
	return &console.Lease{Valid: lease.Valid(), CheckedSecondsAgo: ago.Seconds()}
}

// checkConsole finds a console on the port of a connector.
func checkConsole(c *config.Config, connectors []*connector) error {
	if c.Console == nil || c.Console.Port == 0 {
		return nil
	}
	for _, r := range connectors {
		if r.config.AutoStart && r.uri.Port == c.Console.Port {
			return fmt.Errorf("console.port: %d is the port of transport connector %s", c.Console.Port, r.config.Name)
		}
	}
	return nil
}

// printConsole tells people where the console is.
func printConsole(a *control.Account) string {
	if a.Console == "" {
		return ""
	}
	return fmt.Sprintf("console   %s\n", a.Console)
}
