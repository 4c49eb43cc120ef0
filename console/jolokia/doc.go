// Package jolokia answers the requests of Jolokia's protocol, version 7.2, as
// the agent 1.7.1 does that ActiveMQ 5.17.2 comes with: JMX over HTTP and JSON,
// without Java. It knows nothing of brokers: what it serves are [Beans].
//
// read, search, list, exec and version work by GET and POST, single and in
// bulk. Names are Java's ObjectNames with their order of keys, quoting and
// patterns; in paths "!" escapes a slash. The HTTP status is 200 in any case,
// as the agent has it: an answer's own status tells of errors, which name the
// Java classes that clients look for. Every attribute is read-only.
//
// What differs: there are no stack traces; a path into all attributes of a bean
// works, where the agent fails with a ClassCastException; of the processing
// parameters ignoreErrors, canonicalNaming, maxDepth (of list) and
// maxCollectionSize have an effect.
package jolokia
