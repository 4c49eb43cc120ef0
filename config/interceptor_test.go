package config

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The same as one writes it in YAML, and as a reader of activemq.xml that knows
// nothing of it would.
const interceptorsAsYAML = pair + `
  destinations:
    - queue: {physicalName: A}
    - queue: {physicalName: B}
    - topic: {physicalName: C}
  destinationInterceptors:
    - virtualDestinationInterceptor:
        virtualDestinations:
          - virtualTopic: {name: "X.>", prefix: "To.*.", selectorAware: true}
          - virtualTopic: {setOriginalDestination: false}
          - compositeQueue:
              name: MANY
              forwardOnly: false
              forwardTo:
                - queue: {physicalName: D}
                - topic: {physicalName: E}
                - filteredDestination: {queue: F, selector: "a = 1"}
    - mirroredQueue: {prefix: "M."}
`

const interceptorsAsXML = pair + `
  destinations:
    queue: [{physicalName: A}, {physicalName: B}]
    topic: {physicalName: C}
  destinationInterceptors:
    virtualDestinationInterceptor:
      virtualDestinations:
        virtualTopic:
          - {name: "X.>", prefix: "To.*.", selectorAware: true}
          - {setOriginalDestination: false}
        compositeQueue:
          name: MANY
          forwardOnly: false
          forwardTo:
            queue: {physicalName: D}
            topic: {physicalName: E}
            filteredDestination: {queue: F, selector: "a = 1"}
    mirroredQueue: {prefix: "M."}
`

func TestInterceptors(t *testing.T) {
	want := []DestinationInterceptor{
		{Virtual: &VirtualDestinationInterceptor{[]VirtualDestination{
			{VirtualTopic: &VirtualTopic{Name: "X.>", Prefix: "To.*.", SelectorAware: true, SetOriginalDestination: true}},
			{VirtualTopic: &VirtualTopic{Name: ">", Prefix: "Consumer.*."}},
			{CompositeQueue: &CompositeDestination{Name: "MANY", ForwardTo: []ForwardTarget{
				{Queue: &NamedQueue{"D"}}, {Topic: &NamedTopic{"E"}}, {Filtered: &FilteredDestination{Queue: "F", Selector: "a = 1"}},
			}}},
		}}},
		{MirroredQueue: &MirroredQueue{Prefix: "M."}},
	}
	for name, text := range map[string]string{"yaml": interceptorsAsYAML, "xml": interceptorsAsXML} {
		c, err := load(t, text)
		require.NoError(t, err, name)
		require.Equal(t, want, c.Broker.DestinationInterceptors, name)
		require.Equal(t, []DestinationElement{{Queue: &NamedQueue{"A"}}, {Queue: &NamedQueue{"B"}}, {Topic: &NamedTopic{"C"}}}, c.Broker.Destinations, name)
	}
}

func TestBadInterceptors(t *testing.T) {
	in := func(virtual string) string {
		return pair + "  destinationInterceptors:\n    - virtualDestinationInterceptor:\n        virtualDestinations:\n          - " + virtual + "\n"
	}
	const at = "broker.destinationInterceptors[0].virtualDestinationInterceptor.virtualDestinations[0]"
	for text, want := range map[string]string{
		in("virtualTopic: {name: ''}"):                                                         at + ".virtualTopic.name: needs a name",
		in("virtualTopic: {prefix: ''}"):                                                       at + ".virtualTopic: needs a prefix or a postfix",
		in("virtualTopic: {prefixes: x}"):                                                      "did you mean prefix?",
		in("compositeTopic: {forwardTo: [{queue: {physicalName: A}}]}"):                        at + ".compositeTopic.name: needs a name",
		in("compositeQueue: {name: A, forwardTo: [{}]}"):                                       "forwardTo[0]: needs exactly one of queue, topic or filteredDestination",
		in("compositeQueue: {name: A, forwardTo: [{queue: {}}]}"):                              "forwardTo[0].queue.physicalName: needs a name",
		in("compositeQueue: {name: A, forwardTo: [{filteredDestination: {queue: A}}]}"):        "filteredDestination: needs a selector",
		in("compositeQueue: {name: A, forwardTo: [{filteredDestination: {selector: 'a=1'}}]}"): "filteredDestination: needs either queue or topic",
		in("bean: {}"): "Java plugins cannot be loaded",
		pair + "  destinationInterceptors: [{mirroredQueue: {}}, {mirroredQueue: {}}]\n":           "has more than one mirroredQueue",
		pair + "  useMirroredQueues: true\n  destinationInterceptors:\n":                           "useMirroredQueues: has no effect beside destinationInterceptors",
		pair + "  destinations: [{queue: {physicalName: ' '}}]\n":                                  "destinations[0].queue.physicalName: needs a name",
		pair + "  destinations: [{tempQueue: {physicalName: A}}]\n":                                "temporary destinations belong to a client's connection",
		pair + "  maxPurgedDestinationsPerSweep: -1\n":                                             "maxPurgedDestinationsPerSweep",
		pair + "  useVirtualDestSubsOnCreation: true\n":                                            "has no effect without useVirtualDestSubs",
		pair + "  plugins: {destinationPathSeparatorPlugin: {pathSeparator: ''}}\n":                "pathSeparator: is empty",
		pair + "  destinationPolicy: {policyMap: {defaultEntry: {maxDestinations: -2}}}\n":         "maxDestinations",
		pair + "  destinationPolicy: {policyMap: {defaultEntry: {inactiveTimeoutBeforeGC: -2}}}\n": "inactiveTimeoutBeforeGC",
	} {
		_, err := load(t, text)
		require.ErrorContains(t, err, want, text)
	}
}

func TestInactiveTimeout(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"{gcInactiveDestinations: true}":                            time.Minute,
		"{inactiveTimeoutBeforeGC: 5000}":                           5 * time.Second,
		"{inactiveTimoutBeforeGC: 7000}":                            7 * time.Second,
		"{inactiveTimoutBeforeGC: 0, inactiveTimeoutBeforeGC: 800}": 0,
	} {
		c, err := load(t, pair+"  destinationPolicy: {policyMap: {defaultEntry: "+text+"}}\n")
		require.NoError(t, err)
		require.Equal(t, want, c.Broker.DestinationPolicy.PolicyMap.Default.InactiveTimeout(), text)
	}
}
