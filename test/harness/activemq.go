package harness

import (
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
)

// ErrNoActiveMQ is returned where Debian's activemq package is missing.
var ErrNoActiveMQ = errors.New("no ActiveMQ: install the packages activemq, libactivemq-java and a JDK")

// libraryDir holds the jars of Debian's packages; ACTIVEMQ_LIB overrides it.
func libraryDir() string {
	if dir := os.Getenv("ACTIVEMQ_LIB"); dir != "" {
		return dir
	}
	return "/usr/share/activemq/lib"
}

// jars lists the jar files whose names match none of the words in without.
func jars(dir string, without ...string) []string {
	all, _ := filepath.Glob(filepath.Join(dir, "*.jar"))
	return slices.DeleteFunc(all, func(jar string) bool {
		return slices.ContainsFunc(without, func(word string) bool {
			return strings.Contains(filepath.Base(jar), word)
		})
	})
}

// BrokerClassPath is the class path of a whole ActiveMQ, logging to standard
// error through slf4j-simple where it is installed.
func BrokerClassPath() (string, error) {
	dir := libraryDir()
	list := jars(dir)
	if len(list) == 0 {
		return "", ErrNoActiveMQ
	}
	list = append(list, jars(filepath.Join(dir, "optional"), "log4j")...)
	list = append(list, "/usr/share/java/slf4j-simple.jar")
	return strings.Join(list, ":"), nil
}

var activemqXML = template.Must(template.New("activemq.xml").Funcs(template.FuncMap{"x": escape}).Parse(
	`<beans xmlns="http://www.springframework.org/schema/beans"
  xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
  xsi:schemaLocation="http://www.springframework.org/schema/beans http://www.springframework.org/schema/beans/spring-beans.xsd
  http://activemq.apache.org/schema/core http://activemq.apache.org/schema/core/activemq-core.xsd">
  <broker xmlns="http://activemq.apache.org/schema/core" brokerName="{{x .Name}}" dataDirectory="{{x .Data}}" useJmx="false" {{.BrokerAttributes}}>
    <persistenceAdapter>
{{- if .JDBC}}
      {{.JDBC}}
{{- else}}
      <kahaDB directory="{{x .Directory}}"{{range .Attributes}} {{.Name}}="{{x .Value}}"{{end}}>
{{- if .Sleep}}
        <locker><shared-file-locker lockAcquireSleepInterval="{{.Sleep}}"/></locker>
{{- end}}
      </kahaDB>
{{- end}}
    </persistenceAdapter>
    <transportConnectors>
      <transportConnector name="openwire" uri="{{x .URI}}"/>
    </transportConnectors>
{{.XML}}
  </broker>
{{.Beans}}</beans>
`))

type attribute struct{ Name, Value string }

// activemqCommand writes activemq.xml and returns the command line of a broker
// that reads it: the same classes as bin/activemq runs, without its scripts.
func activemqCommand(opts Options) ([]string, error) {
	path, err := BrokerClassPath()
	if err != nil {
		return nil, err
	}
	var element, beans string
	if opts.JDBC != nil {
		if element, beans, err = jdbcXML(opts); err != nil {
			return nil, err
		}
		path += ":" + strings.Join(jdbcJars, ":")
	}
	var text strings.Builder
	err = activemqXML.Execute(&text, map[string]any{
		"Name": opts.Name, "Data": filepath.Join(opts.WorkDir, "data"),
		"Directory": opts.Directory, "Attributes": attributes(opts.KahaDB),
		"Sleep": opts.LockAcquireSleepInterval.Milliseconds(), "URI": connectorURI(opts),
		"XML": opts.XML, "BrokerAttributes": opts.XMLAttributes,
		"JDBC": element, "Beans": beans,
	})
	if err != nil {
		return nil, err
	}
	file := filepath.Join(opts.WorkDir, "activemq.xml")
	if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
		return nil, err
	}
	argv := []string{"java", "-Xms64m", "-Xmx1g", "-Dorg.slf4j.simpleLogger.showDateTime=true",
		"-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
		"-Dorg.apache.activemq.SERIALIZABLE_PACKAGES=*"}
	argv = append(argv, opts.JVM...)
	return append(argv, "-cp", path, "org.apache.activemq.console.command.ShellCommand",
		"start", "xbean:file:"+file), nil
}

// connectorURI is the address that a node listens on; the options are those of
// ActiveMQ's stock configuration.
func connectorURI(opts Options) string {
	uri := fmt.Sprintf("tcp://%s:%d?maximumConnections=1000", opts.Host, opts.Port)
	if !strings.Contains(opts.URIOptions, "wireFormat.maxFrameSize=") {
		uri += "&wireFormat.maxFrameSize=104857600"
	}
	if opts.URIOptions != "" {
		uri += "&" + opts.URIOptions
	}
	return uri
}

func attributes(m map[string]string) []attribute {
	var list []attribute
	for _, name := range slices.Sorted(maps.Keys(m)) {
		list = append(list, attribute{name, m[name]})
	}
	return list
}

func escape(s string) string {
	var out strings.Builder
	_ = xml.EscapeText(&out, []byte(s)) // a strings.Builder never fails
	return out.String()
}
