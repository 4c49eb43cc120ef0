package discovery

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/conclavemq/conclave/internal/hostport"
)

// Schemes of discovery URIs.
const (
	Static      = "static"
	Simple      = "simple" // another name of Static
	MasterSlave = "masterslave"
	Multicast   = "multicast"
)

// URI is a discovery URI, read and checked.
type URI struct {
	Scheme string
	// Services are the URIs to connect to, of the schemes that name them;
	// options "discovered." are in them.
	Services []string

	names      []string // of Services, as they were written
	backOff    backOff
	discovered url.Values // options for each service, without the prefix
	group      groupOptions
	text       string
}

// String is the URI as it was written.
func (u *URI) String() string { return u.text }

// Parse reads a discovery URI such as
// "masterslave:(tcp://a:61616,tcp://b:61616)?initialReconnectDelay=500".
func Parse(text string) (*URI, error) {
	u := &URI{text: text, discovered: url.Values{}}
	scheme, _, _ := strings.Cut(withoutBlanks(text), ":")
	u.Scheme = scheme
	var err error
	switch scheme {
	case Static, Simple, MasterSlave:
		err = u.parseStatic(text)
	case Multicast:
		err = u.parseMulticast(text)
	default:
		return nil, schemeError(scheme, text)
	}
	if err != nil {
		return nil, err
	}
	return u, nil
}

func schemeError(scheme, text string) error {
	reason := ""
	switch scheme {
	case "tcp", "nio", "ssl", "nio+ssl", "failover":
		return fmt.Errorf("%w %q: write static:(%s)", ErrScheme, scheme, withoutBlanks(text))
	case "zeroconf":
		reason = "there is no service discovery by DNS here; use multicast"
	case "http", "https":
		reason = "there is no registry of brokers over HTTP; use static or multicast"
	case "ldap":
		reason = "brokers cannot be looked up in a directory; use static or multicast"
	case "fanout", "peer", "vm", "mock", "discovery":
		reason = "it is no way to find brokers; use static, masterslave or multicast"
	default:
		reason = "static, masterslave, simple and multicast are available"
	}
	return fmt.Errorf("%w %q: %s", ErrScheme, scheme, reason)
}

func (u *URI) parseStatic(text string) error {
	c, err := parseComposite(text)
	if err != nil {
		return err
	}
	u.backOff = backOff{initial: time.Second, max: 30 * time.Second, multiplier: 2, exponential: true, minConnect: 5 * time.Second}
	known := u.backOff.options()
	known["minConnectTime"] = duration(&u.backOff.minConnect)
	if err := u.apply(c.options, known); err != nil {
		return err
	}
	check := checkService
	if u.Scheme == MasterSlave {
		check = checkAddress
	}
	for _, service := range c.components {
		if err := check(service); err != nil {
			return fmt.Errorf("%w %q: %w", ErrURI, text, err)
		}
	}
	u.names = c.components
	switch {
	case u.Scheme == MasterSlave && len(c.components) < 2:
		return fmt.Errorf("%w %q: Expecting at least 2 arguments", ErrURI, text)
	case len(c.components) == 0:
		return fmt.Errorf("%w %q: no broker is named", ErrURI, text)
	case u.Scheme == MasterSlave:
		u.names = []string{failover(c.components)}
	}
	for _, name := range u.names {
		u.Services = append(u.Services, u.completed(name))
	}
	return nil
}

// failover is what masterslave: stands for. One round without a broker is
// given up, so that the agent begins a new one with all that was known
// forgotten. (ActiveMQ: MasterSlaveDiscoveryAgent)
func failover(services []string) string {
	return "failover:(" + strings.Join(services, ",") + ")?randomize=false&maxReconnectAttempts=0"
}

// completed is a service's URI with the options "discovered."
func (u *URI) completed(service string) string {
	return withOptions(service, u.discovered)
}

// withOptions puts options at the end of a URI, in the place of those of the
// same name.
func withOptions(uri string, options url.Values) string {
	if len(options) == 0 {
		return uri
	}
	base, query := uri, ""
	if at := strings.LastIndexByte(uri, '?'); at > strings.LastIndexByte(uri, ')') {
		base, query = uri[:at], uri[at+1:]
	}
	var parts []string
	for part := range strings.SplitSeq(query, "&") {
		if name, _, _ := strings.Cut(part, "="); part != "" && !options.Has(name) {
			parts = append(parts, part)
		}
	}
	return base + "?" + strings.Join(append(parts, options.Encode()), "&")
}

// reachable are the schemes of services. Whether each is available is for
// whoever connects to say.
var reachable = []string{"tcp", "nio", "ssl", "nio+ssl", "auto", "auto+nio", "auto+ssl", "auto+nio+ssl"}

// checkService checks one URI in the parentheses.
func checkService(service string) error {
	scheme, _, found := strings.Cut(service, ":")
	if !found {
		return fmt.Errorf("%q has no scheme; write tcp://%s", service, service)
	}
	if scheme != "failover" {
		return checkAddress(service)
	}
	c, err := parseComposite(service)
	if err != nil {
		return err
	}
	if len(c.components) == 0 {
		return fmt.Errorf("%q names no broker", service)
	}
	for _, inner := range c.components {
		if err := checkAddress(inner); err != nil {
			return err
		}
	}
	return nil
}

// checkAddress checks scheme://host:port?options.
func checkAddress(service string) error {
	parsed, err := url.Parse(service)
	switch {
	case err != nil:
		return err
	case !slices.Contains(reachable, parsed.Scheme):
		return fmt.Errorf("%w %q in %q", ErrScheme, parsed.Scheme, service)
	case parsed.Hostname() == "" || parsed.Port() == "":
		return fmt.Errorf("%q needs a host and a port", service)
	case parsed.User != nil || parsed.Path != "" && parsed.Path != "/" || parsed.Fragment != "":
		return fmt.Errorf("%q: only scheme, host, port and options are understood", service)
	}
	if _, err := hostport.Of(parsed); err != nil {
		return fmt.Errorf("%q: %w", service, err)
	}
	if _, err := hostport.Port(parsed.Port(), 1); err != nil {
		return fmt.Errorf("%q: %w", service, err)
	}
	return nil
}
