package harness

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"go.yaml.in/yaml/v3"
)

// ConclaveBinary is the binary under test: the file that CONCLAVE_BIN names,
// else one built from the checkout into dir.
func ConclaveBinary(dir string) (string, error) {
	if bin := os.Getenv("CONCLAVE_BIN"); bin != "" {
		return filepath.Abs(bin)
	}
	root, err := ModuleRoot()
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "conclave")
	build := exec.Command("go", "build", "-o", bin, "./cmd/conclave")
	build.Dir = root
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build conclave: %w\n%s", err, out)
	}
	return bin, nil
}

// ModuleRoot is the directory of this module's go.mod.
func ModuleRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	return filepath.Dir(string(bytes.TrimSpace(out))), nil
}

// conclaveCommand writes conclave.yaml and returns the command line.
func conclaveCommand(opts Options) ([]string, error) {
	if opts.Binary == "" {
		return nil, fmt.Errorf("broker %s: no binary of conclave given", opts.Name)
	}
	kahaDB := map[string]any{"directory": opts.Directory}
	for name, value := range opts.KahaDB {
		kahaDB[name] = value
	}
	adapter := map[string]any{"kahaDB": kahaDB}
	if opts.JDBC != nil {
		adapter = jdbcYAML(opts)
	}
	broker := map[string]any{
		"brokerName":         opts.Name,
		"dataDirectory":      filepath.Join(opts.WorkDir, "data"),
		"persistenceAdapter": adapter,
		"transportConnectors": []any{
			map[string]any{"name": "openwire", "uri": connectorURI(opts)},
		},
	}
	if err := yaml.Unmarshal([]byte(opts.Broker), &broker); err != nil {
		return nil, fmt.Errorf("broker %s: %w", opts.Name, err)
	}
	text, err := yaml.Marshal(map[string]any{"broker": broker})
	if err != nil {
		return nil, err
	}
	file := filepath.Join(opts.WorkDir, "conclave.yaml")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return nil, err
	}
	return []string{opts.Binary, "start", "-c", file}, nil
}
