package openwire

import "github.com/conclavemq/conclave/message"

func expectedInfo(name string) any {
	switch name {
	case "ConnectionInfo/null":
		return &message.ConnectionInfo{ClientMaster: true}
	case "ConnectionInfo/full":
		return &message.ConnectionInfo{
			ID: goldenConnection, ClientID: "client", Password: "secret", UserName: "us\u00e9r",
			BrokerPath: goldenPath, BrokerMasterConnector: true, Manageable: true,
			FaultTolerant: true, FailoverReconnect: true, ClientIP: "tcp://127.0.0.1:1",
		}
	case "SessionInfo/full":
		return &message.SessionInfo{ID: goldenSession}
	case "ProducerInfo/null":
		return &message.ProducerInfo{}
	case "ProducerInfo/full":
		return &message.ProducerInfo{
			ID: goldenProducer, Destination: message.Destination{Kind: message.TempTopic, Name: "ID:x:1"},
			BrokerPath: goldenPath, DispatchAsync: true, WindowSize: 65536,
		}
	case "ConsumerInfo/null":
		return &message.ConsumerInfo{}
	case "ConsumerInfo/full":
		return fullConsumer()
	case "DestinationInfo/full":
		return &message.DestinationInfo{
			Connection: goldenConnection, Destination: goldenQueue, Operation: message.RemoveDestination,
			TimeoutMS: 70000, BrokerPath: goldenPath,
		}
	case "RemoveSubscriptionInfo/full":
		return &message.RemoveSubscriptionInfo{Connection: goldenConnection, ClientID: "client", Name: "sub"}
	case "SubscriptionInfo/null":
		return &message.SubscriptionInfo{}
	case "SubscriptionInfo/full":
		return &message.SubscriptionInfo{
			ClientID: "client", Destination: goldenTopic, Selector: "x > 1", Name: "sub",
			SubscribedDestination: message.NewTopic("NEWS.SPORT"), NoLocal: true,
		}
	case "BrokerInfo/null":
		return &BrokerInfo{}
	case "BrokerInfo/full":
		b := goldenBroker()
		b.Peers = []*BrokerInfo{goldenBroker(), nil}
		return b
	}
	return expectedRemove(name)
}

func expectedRemove(name string) any {
	r := &message.RemoveInfo{LastDelivered: message.LastDeliveredUnset}
	switch name {
	case "RemoveInfo/120":
		r.Object = goldenConnection
	case "RemoveInfo/121":
		r.Object = goldenSession
	case "RemoveInfo/122":
		r.Object = goldenConsumer
	case "RemoveInfo/123":
		r.Object = goldenProducer
	default:
		return nil
	}
	return r
}

func fullConsumer() *message.ConsumerInfo {
	return &message.ConsumerInfo{
		ID: goldenConsumer, Browser: true, Destination: goldenTopic, PrefetchSize: 1000,
		MaximumPendingMessageLimit: -1, DispatchAsync: true, Selector: "a = '\u00e9'", ClientID: "client",
		SubscriptionName: "sub", NoLocal: true, Exclusive: true, Retroactive: true, Priority: -5,
		BrokerPath:          goldenPath,
		AdditionalPredicate: &message.NetworkBridgeFilter{NetworkBroker: "ID:broker-a", MessageTTL: 3, ConsumerTTL: 4},
		NetworkSubscription: true, OptimizedAcknowledge: true, NoRangeAcks: true,
		NetworkConsumerPath: []message.ConsumerID{goldenConsumer},
	}
}

func expectedControl(name string) any {
	switch name {
	case "KeepAliveInfo/full":
		return &KeepAlive{}
	case "ShutdownInfo/full":
		return &Shutdown{}
	case "FlushCommand/full":
		return &Flush{}
	case "ControlCommand/full":
		return &ControlCommand{Command: "shutdown"}
	case "ConnectionError/full":
		return &ConnectionError{Exception: goldenFailure(), Connection: goldenConnection}
	case "ConsumerControl/full":
		return &ConsumerControl{
			Consumer: goldenConsumer, Destination: goldenQueue, Close: true, Prefetch: 10,
			Flush: true, Start: true, Stop: true,
		}
	case "ConnectionControl/null":
		return &ConnectionControl{}
	case "ConnectionControl/full":
		return &ConnectionControl{
			Close: true, Exit: true, FaultTolerant: true, Resume: true, Suspend: true, Rebalance: true,
			ConnectedBrokers: "tcp://a:1,tcp://b:2", ReconnectTo: "tcp://b:2", Token: []byte{1, 2},
		}
	case "TransactionInfo/0":
		return &TransactionInfo{Connection: goldenConnection, Transaction: goldenLocal, Operation: Begin}
	case "TransactionInfo/7":
		return &TransactionInfo{Connection: goldenConnection, Transaction: goldenXA, Operation: End}
	}
	return expectedResponse(name)
}

func expectedResponse(name string) any {
	const correlation = 4712
	switch name {
	case "Response/full":
		return &Response{CorrelationID: correlation}
	case "ExceptionResponse/full":
		return &ExceptionResponse{CorrelationID: correlation, Exception: goldenFailure()}
	case "ExceptionResponse/null":
		return &ExceptionResponse{CorrelationID: correlation}
	case "DataResponse/xid":
		return &DataResponse{CorrelationID: correlation, Data: goldenXA}
	case "DataArrayResponse/null":
		return &DataArrayResponse{CorrelationID: correlation}
	case "DataArrayResponse/full":
		id := goldenID(6)
		return &DataArrayResponse{CorrelationID: correlation, Data: []any{
			goldenConnection, goldenSession, goldenProducer, goldenConsumer, message.BrokerID("b"),
			goldenQueue, goldenTopic, goldenLocal, goldenXA, nil, &DiscoveryEvent{ServiceName: "service"}, &id,
		}}
	case "IntegerResponse/full":
		return &IntegerResponse{CorrelationID: correlation, Result: 3}
	}
	return nil
}

func expectedRare(name string) any {
	switch name {
	case "DiscoveryEvent/full":
		return &DiscoveryEvent{ServiceName: "service", BrokerName: "broker"}
	case "JournalTopicAck/full":
		return &JournalTopicAck{
			Destination: goldenTopic, Message: goldenID(4), Sequence: 44, SubscriptionName: "sub",
			ClientID: "client", Transaction: goldenLocal,
		}
	case "JournalQueueAck/full":
		return &JournalQueueAck{Destination: goldenQueue, Ack: &message.Ack{Last: goldenID(5)}}
	case "JournalTrace/full":
		return &JournalTrace{Message: "remark"}
	case "JournalTransaction/full":
		return &JournalTransaction{Transaction: goldenXA, Operation: XACommit, WasPrepared: true}
	case "PartialCommand/full":
		return &PartialCommand{Data: []byte{5, 6, 7}}
	case "LastPartialCommand/full":
		return &LastPartialCommand{}
	case "ReplayCommand/full":
		return &ReplayCommand{FirstNak: 1, LastNak: 9}
	case "ProducerAck/full":
		return &ProducerAck{Producer: goldenProducer, Size: 1024}
	case "BrokerSubscriptionInfo/full":
		return &BrokerSubscriptionInfo{ID: "ID:broker-a", Name: "a", Subscriptions: []*message.ConsumerInfo{
			{ID: goldenConsumer, SubscriptionName: "sub"},
		}}
	}
	return nil
}

// strip takes from v what a version does not carry.
func strip(v any, version int) {
	switch v := v.(type) {
	case *message.Message:
		stripMessage(v, version)
	case *message.Delivery:
		if v.Message != nil {
			stripMessage(v.Message, version)
		}
	case *message.Ack:
		if version < 7 {
			v.PoisonCause = nil
		}
		stripID(&v.First, version)
		stripID(&v.Last, version)
	case *message.Pull:
		if version < 3 {
			v.CorrelationID, v.Message = "", message.MessageID{}
		}
	case *message.ConsumerInfo:
		stripConsumer(v, version)
	case *BrokerInfo:
		stripBroker(v, version)
	default:
		stripInfo(v, version)
	}
}

func stripMessage(m *message.Message, version int) {
	stripID(&m.ID, version)
	if version < 10 {
		m.FirstForConsumer = false
	}
	if version < 3 {
		m.Cluster, m.BrokerInTime, m.BrokerOutTime = nil, 0, 0
	}
	if version < 2 {
		m.Droppable = false
	}
	if m.DataStructure != nil {
		strip(m.DataStructure, version)
	}
}

func stripID(id *message.MessageID, version int) {
	if version < 10 {
		id.TextView = ""
	}
}

func stripConsumer(c *message.ConsumerInfo, version int) {
	if version < 10 {
		c.ClientID = ""
		if f := c.AdditionalPredicate; f != nil {
			f.ConsumerTTL = f.MessageTTL
		}
	}
	if version < 4 {
		c.NetworkConsumerPath = nil
	}
}

func stripBroker(b *BrokerInfo, version int) {
	if version < 3 {
		b.UploadURL, b.NetworkProperties = "", ""
	}
	if version < 2 {
		b.DuplexConnection, b.NetworkConnection, b.ConnectionID = false, false, 0
	}
	for _, p := range b.Peers {
		if p != nil {
			stripBroker(p, version)
		}
	}
}

func stripInfo(v any, version int) {
	switch v := v.(type) {
	case *message.ConnectionInfo:
		v.ClientMaster = v.ClientMaster && version >= 2
		v.FaultTolerant = v.FaultTolerant && version >= 6
		v.FailoverReconnect = v.FailoverReconnect && version >= 6
		if version < 8 {
			v.ClientIP = ""
		}
	case *message.ProducerInfo:
		v.DispatchAsync = v.DispatchAsync && version >= 2
		if version < 3 {
			v.WindowSize = 0
		}
	case *message.RemoveInfo:
		if version < 5 {
			v.LastDelivered = 0
		}
	case *message.SubscriptionInfo:
		v.NoLocal = v.NoLocal && version >= 11
		if version < 3 {
			v.SubscribedDestination = message.Destination{}
		}
	case *ConsumerControl:
		if version < 6 {
			v.Destination = message.Destination{}
		}
		if version < 2 {
			v.Flush, v.Start, v.Stop = false, false, false
		}
	case *ConnectionControl:
		if version < 6 {
			v.ConnectedBrokers, v.ReconnectTo, v.Rebalance = "", "", false
		}
		if version < 8 {
			v.Token = nil
		}
	}
}
