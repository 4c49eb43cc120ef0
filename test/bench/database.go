package main

import (
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strconv"

	"github.com/conclavemq/conclave/test/harness"
	"github.com/conclavemq/conclave/test/harness/postgres"
)

// serverSettings differ from PostgreSQL's defaults only in what a server for
// both brokers needs; it syncs each commit.
var serverSettings = map[string]string{"max_connections": "300", "shared_buffers": "256MB", "max_wal_size": "4GB"}

// database makes an empty database for one cell, on the run's server, which
// the first call starts on the disk that is measured.
func (b *bench) database() (*harness.JDBC, error) {
	if b.server == nil {
		if err := os.Chmod(b.dir, 0o755); err != nil { // the server has a user of its own
			return nil, err
		}
		dir := filepath.Join(b.dir, "postgres")
		if err := os.Mkdir(dir, 0o700); err != nil {
			return nil, err
		}
		server, err := postgres.New(postgres.Options{Directory: dir, Settings: serverSettings})
		if err != nil {
			return nil, err
		}
		if err := server.Start(); err != nil {
			return nil, err
		}
		b.server = server
	}
	b.databases++
	name := "bench" + strconv.Itoa(b.databases)
	if err := b.server.Exec("", "CREATE DATABASE "+name, "CHECKPOINT"); err != nil {
		return nil, err
	}
	return &harness.JDBC{URL: b.server.URL(name)}, nil
}

// drop deletes a cell's database, whoever is still connected.
func (b *bench) drop(j *harness.JDBC) {
	if err := b.server.Exec("", "DROP DATABASE "+databaseName(j)+" WITH (FORCE)"); err != nil {
		b.say("%v", err)
	}
}

func databaseName(j *harness.JDBC) string {
	u, err := url.Parse(j.URL)
	if err != nil {
		return ""
	}
	return path.Base(u.Path)
}

func (b *bench) closeServer() {
	if b.server == nil {
		return
	}
	if err := b.server.Close(); err != nil {
		b.say("%v", err)
	}
}
