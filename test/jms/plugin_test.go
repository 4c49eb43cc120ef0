//go:build jms

package jms

import (
	"testing"

	"github.com/conclavemq/conclave/test/harness"
)

const messagePlugins = `
populateJMSXUserID: true
plugins:
  timeStampingBrokerPlugin: {ttlCeiling: 60000, zeroExpirationOverride: 30000}
  statisticsBrokerPlugin:
  traceBrokerPathPlugin:
  virtualSelectorCacheBrokerPlugin:
destinationInterceptors:
  - virtualDestinationInterceptor:
      virtualDestinations:
        - virtualTopic: {name: "Aware.>", selectorAware: true}
destinationPolicy:
  policyMap:
    policyEntries:
      - queue: "IT.plugin.header.*.*.*.forced"
        messageInterceptorStrategy:
          headerMessageInterceptorStrategy: {forceDeliveryMode: true, persistent: true, forceExpiration: true, expirationCeiling: 5000}
      - queue: "IT.plugin.header.*.*.*.chain"
        messageInterceptorStrategy:
          chainMessageInterceptorStrategy:
            messageStrategies:
              - headerMessageInterceptorStrategy: {forceDeliveryMode: true}
              - headerMessageInterceptorStrategy: {forceExpiration: true, expirationCeiling: 4000}
`

const messagePluginsXML = `<plugins>
<timeStampingBrokerPlugin ttlCeiling="60000" zeroExpirationOverride="30000"/>
<statisticsBrokerPlugin/>
<traceBrokerPathPlugin/>
</plugins>`

func TestMessagePlugins(t *testing.T) {
	t.Parallel()
	runCases(t, harness.Options{
		Broker: messagePlugins, XML: messagePluginsXML, XMLAttributes: `populateJMSXUserID="true"`,
	}, 18, "PluginCases")
}
