package config

import (
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/crypto/bcrypt"

	"github.com/conclavemq/conclave/internal/hostport"
)

// Console is the console element: HTTP for health checks, metrics and Jolokia. It
// stands beside broker, for it belongs to the process whatever its role, and
// ActiveMQ too has it outside of <broker>, in jetty.xml. Without it there is no
// port, so that several brokers on one machine do not meet on 8161.
type Console struct {
	// Host and Port are where to listen. (ActiveMQ: jettyPort in jetty.xml)
	Host string `config:"host"`
	Port int    `config:"port"`
	// Users may ask for more than health; without any, Host must be a loopback
	// address. (ActiveMQ: jetty-realm.properties)
	Users []ConsoleUser `config:"users,item=user"`
}

func (c *Console) setDefaults() { c.Host, c.Port = "127.0.0.1", 8161 }

func (Console) others() others { return nil }

// ConsoleUser is a user of the console.
type ConsoleUser struct {
	Username string `config:"username"`
	// Password is as it is typed, or a bcrypt hash of it.
	Password string `config:"password"`
}

func (ConsoleUser) others() others { return nil }

// maxPassword is where bcrypt ends.
const maxPassword = 72

func (c *Console) check(b *binder, path string) {
	b.within(path+".port", int64(c.Port), 0, 65535)
	c.Host = strings.TrimSpace(c.Host)
	if inner, ok := strings.CutPrefix(c.Host, "["); ok && strings.HasSuffix(inner, "]") {
		c.Host = strings.TrimSuffix(inner, "]") // as in a URL
	}
	if c.Host == "" {
		b.bad(path+".host", "is empty; 0.0.0.0 is all addresses")
	} else if err := hostport.Check(c.Host); err != nil {
		b.bad(path+".host", err.Error())
	}
	seen := map[string]bool{}
	for i := range c.Users {
		c.Users[i].check(b, index(path+".users", i))
		name := c.Users[i].Username
		if seen[name] {
			b.bad(index(path+".users", i), "is a second user called "+name)
		}
		seen[name] = true
	}
	if len(c.Users) == 0 && !loopback(c.Host) {
		b.bad(path+".host", c.Host+" is reached from other machines, which needs users; without any write 127.0.0.1")
	}
}

func (u *ConsoleUser) check(b *binder, path string) {
	if u.Username == "" || strings.ContainsAny(u.Username, ":\n") {
		b.bad(path+".username", "must not be empty or hold a colon")
	}
	switch {
	case u.Password == "":
		b.bad(path+".password", "is empty")
	case strings.HasPrefix(u.Password, "$2"):
		if _, err := bcrypt.Cost([]byte(u.Password)); err != nil {
			b.bad(path+".password", fmt.Sprintf("begins like a bcrypt hash and is none: %v", err))
		}
	case len(u.Password) > maxPassword:
		b.bad(path+".password", fmt.Sprintf("is longer than %d bytes", maxPassword))
	}
}

// loopback reports whether an address is reached from this machine alone.
func loopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && address.Unmap().IsLoopback()
}
