package openwire

// Data types: the first byte of every frame and nested object. (ActiveMQ:
// CommandTypes)
const (
	TypeNull                   byte = 0
	TypeWireFormatInfo         byte = 1
	TypeBrokerInfo             byte = 2
	TypeConnectionInfo         byte = 3
	TypeSessionInfo            byte = 4
	TypeConsumerInfo           byte = 5
	TypeProducerInfo           byte = 6
	TypeTransactionInfo        byte = 7
	TypeDestinationInfo        byte = 8
	TypeRemoveSubscriptionInfo byte = 9
	TypeKeepAlive              byte = 10
	TypeShutdown               byte = 11
	TypeRemoveInfo             byte = 12
	TypeControlCommand         byte = 14
	TypeFlush                  byte = 15
	TypeConnectionError        byte = 16
	TypeConsumerControl        byte = 17
	TypeConnectionControl      byte = 18
	TypeProducerAck            byte = 19 // since version 3
	TypePull                   byte = 20 // since version 2
	TypeDelivery               byte = 21
	TypeAck                    byte = 22
	TypeMessage                byte = 23
	TypeBytesMessage           byte = 24
	TypeMapMessage             byte = 25
	TypeObjectMessage          byte = 26
	TypeStreamMessage          byte = 27
	TypeTextMessage            byte = 28
	TypeBlobMessage            byte = 29 // since version 3
	TypeResponse               byte = 30
	TypeExceptionResponse      byte = 31
	TypeDataResponse           byte = 32
	TypeDataArrayResponse      byte = 33
	TypeIntegerResponse        byte = 34
	TypeDiscoveryEvent         byte = 40
	TypeJournalTopicAck        byte = 50
	TypeJournalQueueAck        byte = 52
	TypeJournalTrace           byte = 53
	TypeJournalTransaction     byte = 54
	TypeSubscriptionInfo       byte = 55
	TypePartialCommand         byte = 60
	TypeLastPartialCommand     byte = 61
	TypeReplayCommand          byte = 65
	TypeDispatchNotification   byte = 90
	TypeNetworkBridgeFilter    byte = 91
	TypeBrokerSubscriptionInfo byte = 92 // since version 12
	TypeQueue                  byte = 100
	TypeTopic                  byte = 101
	TypeTempQueue              byte = 102
	TypeTempTopic              byte = 103
	TypeMessageID              byte = 110
	TypeLocalTransactionID     byte = 111
	TypeXATransactionID        byte = 112
	TypeConnectionID           byte = 120
	TypeSessionID              byte = 121
	TypeConsumerID             byte = 122
	TypeProducerID             byte = 123
	TypeBrokerID               byte = 124
)
