package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/conclavemq/conclave/cmd/conclave/node"
)

// A file beside the socket says which broker a process is that is frozen and
// cannot answer.

func identityPath(socket string) string {
	return strings.TrimSuffix(socket, socketSuffix) + ".json"
}

// writeIdentity keeps what does not change of an account.
func writeIdentity(path string, a Account) error {
	a.Status, a.Lock, a.Problem = node.Status{}, nil, ""
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return fmt.Errorf("control socket: %w", err)
	}
	return nil
}

// readIdentity is as much as is known of the process of a socket.
func readIdentity(socket string, pid int) Account {
	var a Account
	if text, err := os.ReadFile(identityPath(socket)); err != nil || len(text) > maxLine || json.Unmarshal(text, &a) != nil {
		a = Account{}
	}
	a.PID = pid
	return a
}

func removeIdentity(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
