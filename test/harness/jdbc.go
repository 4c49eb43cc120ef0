package harness

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"text/template"
)

// JDBC configures a node that keeps its messages in PostgreSQL rather than in
// a KahaDB directory: the jdbcPersistenceAdapter of both brokers.
type JDBC struct {
	// URL of the database: postgres://user[:password]@host:port/name.
	URL string
	// TablePrefix of the statements; "" is ActiveMQ's own, none.
	TablePrefix string
	// Locker is the element that locks, such as lease-database-locker; ""
	// leaves each broker its default.
	Locker string
	// Attributes are further ones of the jdbcPersistenceAdapter.
	Attributes map[string]string
}

// jdbcJars are what a broker needs beside its own jars: Debian's packages
// libpostgresql-jdbc-java, libcommons-dbcp2-java, and libjaxb-api-java, without
// which ActiveMQ 5.17.2 fails to prepare a branch on a JDK past 8.
var jdbcJars = []string{"/usr/share/java/postgresql.jar", "/usr/share/java/commons-dbcp2.jar", "/usr/share/java/commons-pool2.jar",
	"/usr/share/java/jaxb-api.jar"}

// jdbcElement is the persistence adapter, jdbcBean the bean of its data source.
var (
	jdbcElement = template.Must(template.New("jdbcPersistenceAdapter").Funcs(template.FuncMap{"x": escape}).Parse(
		`<jdbcPersistenceAdapter dataSource="#postgres"{{range .Attributes}} {{.Name}}="{{x .Value}}"{{end}}>
{{- if .Prefix}}
        <statements><statements tablePrefix="{{x .Prefix}}"/></statements>
{{- end}}
{{- if .Locker}}
        <locker><{{.Locker}}{{if .Sleep}} lockAcquireSleepInterval="{{.Sleep}}"{{end}}/></locker>
{{- end}}
      </jdbcPersistenceAdapter>`))
	jdbcBean = template.Must(template.New("postgres").Funcs(template.FuncMap{"x": escape}).Parse(
		`  <bean id="postgres" class="org.apache.commons.dbcp2.BasicDataSource" destroy-method="close">
    <property name="driverClassName" value="org.postgresql.Driver"/>
    <property name="url" value="{{x .URL}}"/>
    <property name="username" value="{{x .User}}"/>
    <property name="password" value="{{x .Password}}"/>
    <property name="maxTotal" value="200"/>
    <property name="poolPreparedStatements" value="true"/>
  </bean>
`))
)

// jdbcXML returns the persistence adapter's element and the bean that it names.
func jdbcXML(opts Options) (element, bean string, err error) {
	u, err := url.Parse(opts.JDBC.URL)
	if err != nil {
		return "", "", err
	}
	password, _ := u.User.Password()
	var e, b strings.Builder
	err = jdbcElement.Execute(&e, map[string]any{
		"Attributes": attributes(opts.JDBC.Attributes), "Prefix": opts.JDBC.TablePrefix,
		"Locker": opts.JDBC.Locker, "Sleep": opts.LockAcquireSleepInterval.Milliseconds(),
	})
	if err != nil {
		return "", "", err
	}
	err = jdbcBean.Execute(&b, map[string]any{
		"URL": jdbcURL(u), "User": u.User.Username(), "Password": password,
	})
	return e.String(), b.String(), err
}

// jdbcYAML is the same for Conclave.
func jdbcYAML(opts Options) map[string]any {
	adapter := map[string]any{"dataSource": opts.JDBC.URL}
	for _, name := range slices.Sorted(maps.Keys(opts.JDBC.Attributes)) {
		adapter[name] = opts.JDBC.Attributes[name]
	}
	if opts.JDBC.TablePrefix != "" {
		adapter["statements"] = map[string]any{"tablePrefix": opts.JDBC.TablePrefix}
	}
	if opts.JDBC.Locker != "" {
		locker := map[string]any{}
		if ms := opts.LockAcquireSleepInterval.Milliseconds(); ms > 0 {
			locker["lockAcquireSleepInterval"] = ms
		}
		adapter["locker"] = map[string]any{opts.JDBC.Locker: locker}
	}
	return map[string]any{"jdbcPersistenceAdapter": adapter}
}

// jdbcURL is how Java's driver names a database; its parameters have the same
// names.
func jdbcURL(u *url.URL) string {
	text := fmt.Sprintf("jdbc:postgresql://%s%s", u.Host, u.Path)
	if u.RawQuery != "" {
		text += "?" + u.RawQuery
	}
	return text
}
