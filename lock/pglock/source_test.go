package pglock

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestSourcesThatAreRefused(t *testing.T) {
	for source, text := range map[string]string{
		"":                                      "it is empty",
		"#postgres-ds":                          "Java bean",
		"jdbc:postgresql://h/d?password=secret": "leave jdbc: away",
		"mysql://u:secret@h/d":                  `"mysql" is not a kind`,
		"postgres://u:secret@h:port/d":          "",
		"postgres://u:sec%ret@h/d":              "",
		"postgres://u:secret@h/d?sslmode=maybe": "sslmode",
		"host=h password=secret sslmode=maybe":  "sslmode",
		"host=h password='secret":               "",
		"postgres://u:secret@h/d?target_session_attrs=any-old": "target_session_attrs",
	} {
		_, err := ParseSource(source)
		require.ErrorIs(t, err, ErrSource, source)
		require.ErrorContains(t, err, text)
		require.NotContains(t, err.Error(), "secret")
		require.NotContains(t, err.Error(), "sec%ret")
	}
}

// TestSourceNeverPrintsItsPassword: whatever the verb, and when it is wrong too.
func TestSourceNeverPrintsItsPassword(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		password := "pW" + rapid.StringMatching(`[a-zA-Z0-9!/?:#%&=+ @]{1,20}`).Draw(t, "password") + "Wp"
		form := rapid.SampledFrom([]string{"postgres://user:%s@host:5432/db", "postgresql://user:%s@a,b:1/db?sslmode=require",
			"host=host user=user password=%s dbname=db", "host=host user=user password='%s' dbname=db"}).Draw(t, "form")
		source, err := ParseSource(fmt.Sprintf(form, password))
		if err != nil {
			require.NotContains(t, err.Error(), password)
			return
		}
		if source.config.Password != password {
			return // part of it was taken for something else
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			require.NotContains(t, fmt.Sprintf(verb, source), password)
		}
	})
}

func TestSourceIsNamedTheSame(t *testing.T) {
	for source, want := range map[string]string{
		"postgres://u:x@h/d":                        "postgres://u@h:5432/d",
		"host=h user=u dbname=d password=y":         "postgres://u@h:5432/d",
		"postgres://u@a:1,b:2/d":                    "postgres://u@a:1,b:2/d",
		"postgres://u@h/d?sslmode=prefer":           "postgres://u@h:5432/d",
		"host=/run/postgresql user=u dbname=d":      "postgres://u@%2Frun%2Fpostgresql:5432/d",
		"postgres://u@[::1]:5433/d?sslmode=disable": "postgres://u@[::1]:5433/d",
	} {
		s, err := ParseSource(source)
		require.NoError(t, err, source)
		require.Equal(t, want, s.String())
	}
}

// TestServiceAndPasswordFiles: what libpq reads is read.
func TestServiceAndPasswordFiles(t *testing.T) {
	dir := t.TempDir()
	service, passwords := filepath.Join(dir, "service"), filepath.Join(dir, "pass")
	require.NoError(t, os.WriteFile(service, []byte("[brokers]\nhost=db.example\nport=6000\ndbname=mq\nuser=conclave\n"), 0o600))
	require.NoError(t, os.WriteFile(passwords, []byte("db.example:6000:mq:conclave:from-file\n"), 0o600))
	t.Setenv("PGSERVICEFILE", service)
	t.Setenv("PGPASSFILE", passwords)
	s, err := ParseSource("postgres://?service=brokers")
	require.NoError(t, err)
	require.Equal(t, "postgres://conclave@db.example:6000/mq", s.String())
	require.Equal(t, "from-file", s.config.Password)
	require.NotNil(t, s.config.ValidateConnect, "only a server that can write")
}

func TestTables(t *testing.T) {
	for _, prefix := range []string{"", "A_", "s.", "s.A_", "_1$"} {
		require.NoError(t, Tables{Prefix: prefix}.Check(), prefix)
	}
	for _, prefix := range []string{"1", "a b", "a;", "a'", `"a"`, "a.b.c", "a-", strings.Repeat("a", 60)} {
		require.ErrorIs(t, Tables{Prefix: prefix}.Check(), ErrPrefix, prefix)
	}
	require.Error(t, Tables{LockTable: "x; DROP TABLE y"}.Check())
	require.Equal(t, "s.A_ACTIVEMQ_LOCK", Tables{Prefix: "s.A_"}.Lock())
	require.Equal(t, "A_L", Tables{Prefix: "A_", LockTable: "L"}.Lock())
}

func TestKeysDiffer(t *testing.T) {
	seen := map[int64]string{}
	for _, purpose := range []string{"lock", "fence", "schema"} {
		for _, table := range []string{"public.conclave_epoch", "public.a_conclave_epoch", "a.conclave_epoch"} {
			key := keyOf(purpose, table)
			require.Positive(t, key)
			require.Empty(t, seen[key])
			seen[key] = purpose + table
			require.Equal(t, key, keyOf(purpose, table))
		}
	}
}
