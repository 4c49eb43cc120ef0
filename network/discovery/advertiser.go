package discovery

import (
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Advertiser announces a connector to a group. (ActiveMQ:
// MulticastDiscoveryAgent.doAdvertizeSelf)
type Advertiser struct {
	group   groupOptions
	alive   []byte
	dead    []byte
	open    opener
	log     *slog.Logger
	once    sync.Once
	silent  bool          // dead is not sent; set before done is closed
	done    chan struct{} // closed by Close and Silence
	running sync.WaitGroup
}

// CheckAdvertised reports whether a connector can be announced by a URI; of the
// others' schemes ActiveMQ takes static: too, without effect.
func CheckAdvertised(u *URI) error {
	if u.Scheme != Multicast {
		return fmt.Errorf("%w %q: a connector is announced by multicast alone", ErrScheme, u.Scheme)
	}
	return nil
}

// Advertise begins to announce service, a connector's URI, as that of the
// broker of the name.
func Advertise(u *URI, broker, service string, options Options) (*Advertiser, error) {
	if err := CheckAdvertised(u); err != nil {
		return nil, err
	}
	p := packet{broker: broker, service: service}
	a := &Advertiser{group: u.group, alive: p.encode(u.group.name), open: options.open, done: make(chan struct{}),
		log: options.log().With("discovery", u.Scheme, "group", u.group.name)}
	p.dead = true
	a.dead = p.encode(u.group.name)
	if a.open == nil {
		a.open = openUDP
	}
	if len(a.dead) > longestPacket || !announceable(service) {
		return nil, fmt.Errorf("%w: %q cannot be announced", ErrURI, service)
	}
	a.running.Go(a.announce)
	return a, nil
}

// Close tells the group that the connector has gone.
func (a *Advertiser) Close() {
	a.once.Do(func() { close(a.done) })
	a.running.Wait()
}

// Silence ends the announcements without a word, and does not wait.
func (a *Advertiser) Silence() {
	a.once.Do(func() {
		a.silent = true
		close(a.done)
	})
}

func (a *Advertiser) announce() {
	var s socket
	told := false
	send := func(datagram []byte) {
		var err error
		if s == nil {
			s, err = a.open(a.group, false)
		}
		if err == nil {
			if err = s.send(datagram); err == nil {
				told = false
				return
			}
			s.close()
		}
		s = nil
		if !told {
			a.log.Warn("failed to advertise our service; will try again", "address", a.group.address.String(), "error", err)
		}
		told = true
	}
	tick := time.NewTicker(a.group.keepAlive)
	defer tick.Stop()
	for {
		send(a.alive)
		select {
		case <-tick.C:
			continue
		case <-a.done:
		}
		if !a.silent {
			send(a.dead)
		}
		if s != nil {
			s.close()
		}
		return
	}
}
