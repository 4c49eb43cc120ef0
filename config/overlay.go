package config

import (
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"

	"github.com/conclavemq/conclave/internal/spelling"
)

// envPrefix begins the environment variables that set attributes; the rest is
// the path in upper case: CONCLAVE_BROKER_PERSISTENCEADAPTER_KAHADB_DIRECTORY.
const envPrefix = "CONCLAVE_BROKER_"

// keySeparator keeps a "." within a name from splitting it.
const keySeparator = "::"

// overlay puts the environment, then the flags, over the elements: viper
// decides which of the three counts, the elements keep where it came from.
func overlay(root *Element, src Source) error {
	v := viper.NewWithOptions(viper.KeyDelimiter(keySeparator))
	if tree, ok := root.tree().(map[string]any); ok {
		if err := v.MergeConfigMap(tree); err != nil {
			return fault(root.Origin, "", ErrSyntax, "%v", err)
		}
	}
	all := paths(reflect.TypeFor[Config](), nil)
	for _, path := range all {
		key := strings.ToLower(strings.Join(path, keySeparator))
		if err := v.BindEnv(key, envName(path)); err != nil {
			return err
		}
		flag := src.Flags[strings.Join(path, ".")]
		if flag != nil {
			if err := v.BindPFlag(key, flag); err != nil {
				return err
			}
		}
		if origin, ok := overridden(path, flag); ok {
			root.put(path, v.GetString(key), origin)
		}
	}
	return unknownVariables(all)
}

// overridden says what stands above the file for a path, if anything does.
func overridden(path []string, flag *pflag.Flag) (Origin, bool) {
	if flag != nil && flag.Changed {
		return Origin{Source: "flag --" + flag.Name}, true
	}
	if os.Getenv(envName(path)) != "" {
		return Origin{Source: "environment " + envName(path)}, true
	}
	return Origin{}, false
}

func envName(path []string) string {
	return "CONCLAVE_" + strings.ToUpper(strings.Join(path, "_"))
}

// unknownVariables refuses variables that look like attributes and set nothing.
func unknownVariables(all [][]string) error {
	known := make([]string, len(all))
	for i, path := range all {
		known[i] = envName(path)
	}
	for _, e := range os.Environ() {
		name, _, _ := strings.Cut(e, "=")
		if !strings.HasPrefix(name, envPrefix) || slices.Contains(known, name) {
			continue
		}
		at := Origin{Source: "environment " + name}
		if near := spelling.Nearest(name, known); near != "" {
			return fault(at, "", ErrUnknown, "sets nothing; did you mean %s?", near)
		}
		return fault(at, "", ErrUnknown, "sets nothing; only attributes outside lists can be set")
	}
	return nil
}
