package postgres

import (
	"errors"
	"fmt"
	"strconv"
)

// Standby makes a standby of a running server, under the name that
// synchronous_standby_names knows it by; Start is next. The settings are
// copied from the server's.
func (s *Server) Standby(name string, settings map[string]string) (*Server, error) {
	o := Options{Host: s.o.Host, Settings: map[string]string{"hot_standby": "on"}}
	for _, more := range []map[string]string{s.o.Settings, settings} {
		for key, value := range more {
			o.Settings[key] = value
		}
	}
	standby, err := prepare(o)
	if err != nil {
		return nil, err
	}
	source := fmt.Sprintf("host=%s port=%d user=%s password=%s application_name=%s", s.o.Host, s.port, User, Password, name)
	err = standby.run("pg_basebackup", "-D", standby.data(), "-d", source, "-R", "-X", "stream", "--checkpoint=fast", "--no-sync")
	if err == nil {
		err = standby.configure()
	}
	if err != nil {
		return nil, errors.Join(err, standby.Close())
	}
	return standby, nil
}

// Promote makes a running standby a server that takes writes, and returns when
// it does.
func (s *Server) Promote() error {
	return s.Exec("", "SELECT pg_promote(true, "+strconv.Itoa(int(patience.Seconds()))+")")
}
