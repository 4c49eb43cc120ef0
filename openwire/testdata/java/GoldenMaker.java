import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

import javax.jms.JMSException;

import org.apache.activemq.command.*;
import org.apache.activemq.openwire.OpenWireFormat;
import org.apache.activemq.openwire.OpenWireFormatFactory;
import org.apache.activemq.util.ByteSequence;
import org.apache.activemq.util.MarshallingSupport;

/**
 * Writes what ActiveMQ's own marshallers make of every command, for the unit
 * tests of package openwire. Each line is: case, loose or tight, plain or
 * cached, first and last version, hex of the frame. Cached frames of one
 * encoding and version are one sequence on one connection.
 *
 * Usage: java -cp activemq-client.jar:activemq-openwire-legacy.jar:... GoldenMaker DIR
 */
public class GoldenMaker {

    interface Case {
        DataStructure make() throws Exception;
    }

    static final Map<String, Case> CASES = new LinkedHashMap<>();
    static final Map<String, Integer> SINCE = new LinkedHashMap<>();

    static void add(String name, Case c) {
        add(name, 1, c);
    }

    static void add(String name, int since, Case c) {
        CASES.put(name, c);
        SINCE.put(name, since);
    }

    static final ConnectionId CONNECTION = new ConnectionId("ID:host-40123-1700000000000-1:1");
    static final SessionId SESSION = new SessionId(CONNECTION, 3);
    static final ProducerId PRODUCER = new ProducerId(SESSION, 5);
    static final ConsumerId CONSUMER = new ConsumerId(SESSION, 70000);
    static final ActiveMQQueue QUEUE = new ActiveMQQueue("ORDERS.EUROPE");
    static final ActiveMQTopic TOPIC = new ActiveMQTopic("NEWS.>");
    static final String STRANGE = "h\u00e9llo \u0000 \ud83d\ude00 \u20ac";

    static LocalTransactionId local() {
        return new LocalTransactionId(CONNECTION, 77);
    }

    static XATransactionId xa() {
        XATransactionId x = new XATransactionId();
        x.setFormatId(-61616);
        x.setGlobalTransactionId(new byte[] {0, 1, 2, (byte)0xFF});
        x.setBranchQualifier(new byte[] {9});
        return x;
    }

    static MessageId messageId(long sequence) {
        MessageId id = new MessageId(PRODUCER, sequence);
        id.setBrokerSequenceId(sequence * 3);
        return id;
    }

    static BrokerId[] path() {
        return new BrokerId[] {new BrokerId("ID:broker-a"), new BrokerId("ID:broker-b")};
    }

    static <T extends BaseCommand> T command(T c) {
        c.setCommandId(4711);
        c.setResponseRequired(true);
        return c;
    }

    static Throwable failure() {
        JMSException e = new JMSException("r\u00e9fused");
        e.setStackTrace(new StackTraceElement[] {
            new StackTraceElement("org.example.Client", "send", "Client.java", 42),
            new StackTraceElement("org.example.Main", "main", null, -2)});
        IOException cause = new IOException("broken pipe");
        cause.setStackTrace(new StackTraceElement[0]);
        e.initCause(cause);
        return e;
    }

    static byte[] properties() throws IOException {
        Map<String, Object> m = new LinkedHashMap<>();
        m.put("boolean", true);
        m.put("byte", (byte)-2);
        m.put("char", 'x');
        m.put("short", (short)-300);
        m.put("int", 123456789);
        m.put("long", Long.MIN_VALUE);
        m.put("float", 1.5f);
        m.put("double", -2.25);
        m.put("string", STRANGE);
        m.put("bytes", new byte[] {1, 2, 3});
        m.put("null", null);
        StringBuilder big = new StringBuilder();
        for (int i = 0; i < 8191; i++) {
            big.append((char)('a' + i % 26));
        }
        m.put("big", big.toString());
        Map<String, Object> inner = new LinkedHashMap<>();
        inner.put("a", 1);
        inner.put("list", new ArrayList<Object>(List.of("x", 2L, List.of(true))));
        m.put("map", inner);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        MarshallingSupport.marshalPrimitiveMap(m, new DataOutputStream(out));
        return out.toByteArray();
    }

    static <T extends Message> T full(T m, TransactionId tx) {
        command(m);
        m.setProducerId(PRODUCER);
        m.setDestination(QUEUE);
        m.setTransactionId(tx);
        m.setOriginalDestination(TOPIC);
        m.setMessageId(messageId(123456));
        m.setOriginalTransactionId(local());
        m.setGroupID("group");
        m.setGroupSequence(7);
        m.setCorrelationId("corr-" + STRANGE);
        m.setPersistent(true);
        m.setExpiration(1700000099999L);
        m.setPriority((byte)9);
        m.setReplyTo(new ActiveMQTempQueue(CONNECTION.getValue() + ":1"));
        m.setTimestamp(1700000000000L);
        m.setType("type");
        m.setContent(new ByteSequence(new byte[] {0, 0, 0, 2, 'h', 'i'}));
        m.setMarshalledProperties(new ByteSequence(new byte[] {0, 0, 0, 0}));
        m.setTargetConsumerId(CONSUMER);
        m.setCompressed(true);
        m.setRedeliveryCounter(2);
        m.setBrokerPath(path());
        m.setArrival(1);
        m.setUserID("user");
        m.setRecievedByDFBridge(true);
        m.setDroppable(true);
        m.setCluster(path());
        m.setBrokerInTime(0x10000);
        m.setBrokerOutTime(0xFFFFFFFFL);
        m.setJMSXGroupFirstForConsumer(true);
        return m;
    }

    static ActiveMQMessage numbers(long a, long b, long c, long d) {
        ActiveMQMessage m = new ActiveMQMessage();
        m.setExpiration(a);
        m.setTimestamp(b);
        m.setArrival(c);
        m.setMessageId(new MessageId(PRODUCER, d));
        return m;
    }

    static void messages() {
        add("Message/null", ActiveMQMessage::new);
        add("Message/full", () -> full(new ActiveMQMessage(), local()));
        add("TextMessage/full", () -> full(new ActiveMQTextMessage(), xa()));
        add("BytesMessage/full", () -> full(new ActiveMQBytesMessage(), null));
        add("MapMessage/full", () -> full(new ActiveMQMapMessage(), null));
        add("StreamMessage/full", () -> full(new ActiveMQStreamMessage(), null));
        add("ObjectMessage/full", () -> full(new ActiveMQObjectMessage(), null));
        add("Message/properties", () -> {
            ActiveMQMessage m = new ActiveMQMessage();
            m.setMarshalledProperties(new ByteSequence(properties()));
            return m;
        });
        add("Message/blank", () -> {
            ActiveMQMessage m = new ActiveMQMessage();
            m.setGroupID("");
            m.setCorrelationId("");
            m.setType("");
            m.setUserID("");
            m.setContent(new ByteSequence(new byte[0]));
            m.setBrokerPath(new BrokerId[0]);
            m.setDestination(new ActiveMQTempTopic("ID:x:1"));
            m.setMessageId(new MessageId(PRODUCER, 1));
            m.getMessageId().setTextView("foreign-1");
            return m;
        });
        add("Message/numbers1", () -> numbers(0, 1, 0xFFFF, 0x10000));
        add("Message/numbers2", () -> numbers(0xFFFFFFFFL, 0x100000000L, -1, Long.MIN_VALUE));
        add("Message/numbers3", () -> numbers(Long.MAX_VALUE, 0x8000, 0x80000000L, 0xFFFFFFFFFFFFL));
        add("Message/advisory", () -> {
            ActiveMQMessage m = new ActiveMQMessage();
            m.setDestination(new ActiveMQTopic("ActiveMQ.Advisory.Consumer.Queue.Q"));
            ConsumerInfo c = new ConsumerInfo(CONSUMER);
            c.setDestination(QUEUE);
            m.setDataStructure(c);
            return m;
        });
        add("Message/advisory2", () -> {
            ActiveMQMessage m = new ActiveMQMessage();
            m.setDataStructure(full(new ActiveMQTextMessage(), null));
            ((Message)m.getDataStructure()).setCommandId(0);
            ((Message)m.getDataStructure()).setResponseRequired(false);
            return m;
        });
        add("BlobMessage/full", 3, () -> {
            ActiveMQBlobMessage m = full(new ActiveMQBlobMessage(), null);
            m.setRemoteBlobUrl("http://example.org/blob");
            m.setMimeType("image/png");
            m.setDeletedByBroker(true);
            return m;
        });
    }

    static void delivery() {
        add("MessageDispatch/null", MessageDispatch::new);
        add("MessageDispatch/full", () -> {
            MessageDispatch d = command(new MessageDispatch());
            d.setConsumerId(CONSUMER);
            d.setDestination(QUEUE);
            ActiveMQTextMessage m = full(new ActiveMQTextMessage(), null);
            m.setCommandId(0);
            m.setResponseRequired(false);
            d.setMessage(m);
            d.setRedeliveryCounter(4);
            return d;
        });
        add("MessageAck/null", MessageAck::new);
        add("MessageAck/full", () -> {
            MessageAck a = command(new MessageAck());
            a.setDestination(QUEUE);
            a.setTransactionId(local());
            a.setConsumerId(CONSUMER);
            a.setAckType(MessageAck.INDIVIDUAL_ACK_TYPE);
            a.setFirstMessageId(messageId(1));
            a.setLastMessageId(messageId(2));
            a.setMessageCount(2);
            return a;
        });
        add("MessageAck/poison", () -> {
            MessageAck a = command(new MessageAck());
            a.setDestination(TOPIC);
            a.setAckType(MessageAck.POISON_ACK_TYPE);
            a.setPoisonCause(failure());
            return a;
        });
        add("MessageDispatchNotification/full", () -> {
            MessageDispatchNotification n = command(new MessageDispatchNotification());
            n.setConsumerId(CONSUMER);
            n.setDestination(QUEUE);
            n.setDeliverySequenceId(99);
            n.setMessageId(messageId(3));
            return n;
        });
    }

    static void infos() {
        add("ConnectionInfo/null", ConnectionInfo::new);
        add("ConnectionInfo/full", () -> {
            ConnectionInfo c = command(new ConnectionInfo(CONNECTION));
            c.setClientId("client");
            c.setPassword("secret");
            c.setUserName("us\u00e9r");
            c.setBrokerPath(path());
            c.setBrokerMasterConnector(true);
            c.setManageable(true);
            c.setClientMaster(false);
            c.setFaultTolerant(true);
            c.setFailoverReconnect(true);
            c.setClientIp("tcp://127.0.0.1:1");
            return c;
        });
        add("SessionInfo/full", () -> command(new SessionInfo(SESSION)));
        add("ProducerInfo/null", ProducerInfo::new);
        add("ProducerInfo/full", () -> {
            ProducerInfo p = command(new ProducerInfo(PRODUCER));
            p.setDestination(new ActiveMQTempTopic("ID:x:1"));
            p.setBrokerPath(path());
            p.setDispatchAsync(true);
            p.setWindowSize(65536);
            return p;
        });
        add("ConsumerInfo/null", ConsumerInfo::new);
        add("ConsumerInfo/full", () -> {
            ConsumerInfo c = command(new ConsumerInfo(CONSUMER));
            c.setBrowser(true);
            c.setDestination(TOPIC);
            c.setPrefetchSize(1000);
            c.setMaximumPendingMessageLimit(-1);
            c.setDispatchAsync(true);
            c.setSelector("a = '\u00e9'");
            c.setClientId("client");
            c.setSubscriptionName("sub");
            c.setNoLocal(true);
            c.setExclusive(true);
            c.setRetroactive(true);
            c.setPriority((byte)-5);
            c.setBrokerPath(path());
            NetworkBridgeFilter f = new NetworkBridgeFilter();
            f.setNetworkBrokerId(new BrokerId("ID:broker-a"));
            f.setMessageTTL(3);
            f.setConsumerTTL(4);
            c.setAdditionalPredicate(f);
            c.setNetworkSubscription(true);
            c.setOptimizedAcknowledge(true);
            c.setNoRangeAcks(true);
            c.setNetworkConsumerPath(new ConsumerId[] {CONSUMER});
            return c;
        });
        add("DestinationInfo/full", () -> {
            DestinationInfo d = command(new DestinationInfo());
            d.setConnectionId(CONNECTION);
            d.setDestination(QUEUE);
            d.setOperationType(DestinationInfo.REMOVE_OPERATION_TYPE);
            d.setTimeout(70000);
            d.setBrokerPath(path());
            return d;
        });
        for (DataStructure id : new DataStructure[] {CONNECTION, SESSION, PRODUCER, CONSUMER}) {
            add("RemoveInfo/" + id.getDataStructureType(), () -> {
                RemoveInfo r = command(new RemoveInfo(id));
                r.setLastDeliveredSequenceId(-1);
                return r;
            });
        }
        add("RemoveSubscriptionInfo/full", () -> {
            RemoveSubscriptionInfo r = command(new RemoveSubscriptionInfo());
            r.setConnectionId(CONNECTION);
            r.setSubscriptionName("sub");
            r.setClientId("client");
            return r;
        });
        add("SubscriptionInfo/null", SubscriptionInfo::new);
        add("SubscriptionInfo/full", () -> {
            SubscriptionInfo s = new SubscriptionInfo();
            s.setClientId("client");
            s.setDestination(TOPIC);
            s.setSelector("x > 1");
            s.setSubscriptionName("sub");
            s.setSubscribedDestination(new ActiveMQTopic("NEWS.SPORT"));
            s.setNoLocal(true);
            return s;
        });
        add("BrokerInfo/null", BrokerInfo::new);
        add("BrokerInfo/full", () -> {
            BrokerInfo b = command(broker());
            b.setPeerBrokerInfos(new BrokerInfo[] {broker(), null});
            return b;
        });
    }

    static BrokerInfo broker() {
        BrokerInfo b = new BrokerInfo();
        b.setBrokerId(new BrokerId("ID:broker-a"));
        b.setBrokerURL("tcp://a:61616");
        b.setBrokerName("a");
        b.setSlaveBroker(true);
        b.setMasterBroker(true);
        b.setFaultTolerantConfiguration(true);
        b.setDuplexConnection(true);
        b.setNetworkConnection(true);
        b.setConnectionId(12);
        b.setBrokerUploadUrl("http://upload");
        b.setNetworkProperties("x=y");
        return b;
    }

    static void control() {
        add("KeepAliveInfo/full", () -> {
            KeepAliveInfo k = new KeepAliveInfo();
            k.setCommandId(4711);
            k.setResponseRequired(true);
            return k;
        });
        add("ShutdownInfo/full", () -> command(new ShutdownInfo()));
        add("FlushCommand/full", () -> command(new FlushCommand()));
        add("ControlCommand/full", () -> {
            ControlCommand c = command(new ControlCommand());
            c.setCommand("shutdown");
            return c;
        });
        add("ConnectionError/full", () -> {
            ConnectionError e = command(new ConnectionError());
            e.setException(failure());
            e.setConnectionId(CONNECTION);
            return e;
        });
        add("ConsumerControl/full", () -> {
            ConsumerControl c = command(new ConsumerControl());
            c.setConsumerId(CONSUMER);
            c.setDestination(QUEUE);
            c.setClose(true);
            c.setPrefetch(10);
            c.setFlush(true);
            c.setStart(true);
            c.setStop(true);
            return c;
        });
        add("ConnectionControl/null", ConnectionControl::new);
        add("ConnectionControl/full", () -> {
            ConnectionControl c = command(new ConnectionControl());
            c.setClose(true);
            c.setExit(true);
            c.setFaultTolerant(true);
            c.setResume(true);
            c.setSuspend(true);
            c.setConnectedBrokers("tcp://a:1,tcp://b:2");
            c.setReconnectTo("tcp://b:2");
            c.setRebalanceConnection(true);
            c.setToken(new byte[] {1, 2});
            return c;
        });
        for (byte type : new byte[] {TransactionInfo.BEGIN, TransactionInfo.END}) {
            add("TransactionInfo/" + type, () -> command(new TransactionInfo(CONNECTION, type == 0 ? local() : xa(), type)));
        }
        add("Response/full", () -> response(new Response()));
        add("ExceptionResponse/full", () -> {
            ExceptionResponse r = response(new ExceptionResponse());
            r.setException(failure());
            return r;
        });
        add("ExceptionResponse/null", () -> response(new ExceptionResponse()));
        add("DataResponse/xid", () -> {
            DataResponse r = response(new DataResponse());
            r.setData(xa());
            return r;
        });
        add("DataArrayResponse/null", () -> response(new DataArrayResponse()));
        add("DataArrayResponse/full", () -> {
            DataArrayResponse r = response(new DataArrayResponse());
            r.setData(new DataStructure[] {CONNECTION, SESSION, PRODUCER, CONSUMER, new BrokerId("b"), QUEUE, TOPIC,
                local(), xa(), null, new DiscoveryEvent("service"), messageId(6)});
            return r;
        });
        add("IntegerResponse/full", () -> {
            IntegerResponse r = response(new IntegerResponse());
            r.setResult(3);
            return r;
        });
    }

    static <T extends Response> T response(T r) {
        command(r);
        r.setCorrelationId(4712);
        return r;
    }

    static void rare() {
        add("DiscoveryEvent/full", () -> {
            DiscoveryEvent e = new DiscoveryEvent("service");
            e.setBrokerName("broker");
            return e;
        });
        add("JournalTopicAck/full", () -> {
            JournalTopicAck a = new JournalTopicAck();
            a.setDestination(TOPIC);
            a.setMessageId(messageId(4));
            a.setMessageSequenceId(44);
            a.setSubscritionName("sub");
            a.setClientId("client");
            a.setTransactionId(local());
            return a;
        });
        add("JournalQueueAck/full", () -> {
            JournalQueueAck a = new JournalQueueAck();
            a.setDestination(QUEUE);
            MessageAck ack = new MessageAck();
            ack.setLastMessageId(messageId(5));
            a.setMessageAck(ack);
            return a;
        });
        add("JournalTrace/full", () -> new JournalTrace("remark"));
        add("JournalTransaction/full", () -> new JournalTransaction(JournalTransaction.XA_COMMIT, xa(), true));
        add("PartialCommand/full", () -> {
            PartialCommand p = new PartialCommand();
            p.setCommandId(4711);
            p.setData(new byte[] {5, 6, 7});
            return p;
        });
        add("LastPartialCommand/full", () -> {
            LastPartialCommand p = new LastPartialCommand();
            p.setCommandId(4711);
            return p;
        });
        add("ReplayCommand/full", () -> {
            ReplayCommand r = command(new ReplayCommand());
            r.setFirstNakNumber(1);
            r.setLastNakNumber(9);
            return r;
        });
        add("MessagePull/full", 2, () -> {
            MessagePull p = command(new MessagePull());
            p.setConsumerId(CONSUMER);
            p.setDestination(QUEUE);
            p.setTimeout(-1);
            p.setCorrelationId("corr");
            p.setMessageId(messageId(8));
            return p;
        });
        add("ProducerAck/full", 3, () -> {
            ProducerAck a = command(new ProducerAck());
            a.setProducerId(PRODUCER);
            a.setSize(1024);
            return a;
        });
        add("BrokerSubscriptionInfo/full", 12, () -> {
            BrokerSubscriptionInfo b = command(new BrokerSubscriptionInfo());
            b.setBrokerId(new BrokerId("ID:broker-a"));
            b.setBrokerName("a");
            ConsumerInfo c = new ConsumerInfo(CONSUMER);
            c.setSubscriptionName("sub");
            b.setSubscriptionInfos(new ConsumerInfo[] {c});
            return b;
        });
    }

    static OpenWireFormat format(int version, boolean tight, int cacheSize) throws Exception {
        OpenWireFormat f = new OpenWireFormat(version);
        WireFormatInfo info = new WireFormatInfo();
        info.setVersion(version);
        info.setStackTraceEnabled(true);
        info.setTightEncodingEnabled(tight);
        info.setCacheEnabled(cacheSize > 0);
        info.setCacheSize(cacheSize);
        info.setMaxFrameSize(Long.MAX_VALUE);
        f.setPreferedWireFormatInfo(info);
        f.renegotiateWireFormat(info);
        return f;
    }

    static String hex(ByteSequence b) {
        StringBuilder s = new StringBuilder();
        for (int i = 0; i < b.length; i++) {
            s.append(String.format("%02x", b.data[b.offset + i] & 0xFF));
        }
        return s.toString();
    }

    /** One line per run of versions with the same bytes. */
    static void print(PrintStream out, String key, TreeMap<Integer, String> frames) {
        int first = frames.firstKey();
        int last = first;
        for (int v : frames.keySet()) {
            if (!frames.get(v).equals(frames.get(first))) {
                out.println(key + " " + first + " " + last + " " + frames.get(first));
                first = v;
            }
            last = v;
        }
        out.println(key + " " + first + " " + last + " " + frames.get(first));
    }

    static void commands(PrintStream out) throws Exception {
        for (boolean tight : new boolean[] {false, true}) {
            for (boolean cached : new boolean[] {false, true}) {
                Map<String, TreeMap<Integer, String>> all = new LinkedHashMap<>();
                for (int v = 1; v <= 12; v++) {
                    OpenWireFormat f = format(v, tight, cached ? 1024 : 0);
                    for (String name : CASES.keySet()) {
                        if (v >= SINCE.get(name)) {
                            all.computeIfAbsent(name, n -> new TreeMap<>()).put(v, hex(f.marshal(CASES.get(name).make())));
                        }
                    }
                }
                for (String name : CASES.keySet()) {
                    print(out, name + " " + (tight ? "tight" : "loose") + " " + (cached ? "cached" : "plain"), all.get(name));
                }
            }
        }
    }

    /** Without stack traces, and with a message that some versions cut. */
    static void exceptions(PrintStream out) throws Exception {
        for (boolean tight : new boolean[] {false, true}) {
            for (int length : new int[] {7, 1024, 1025}) {
                TreeMap<Integer, String> frames = new TreeMap<>();
                for (int v = 1; v <= 12; v++) {
                    OpenWireFormat f = new OpenWireFormat(v);
                    f.setTightEncodingEnabled(tight);
                    ExceptionResponse r = response(new ExceptionResponse());
                    r.setException(new IOException("m".repeat(length), new IOException("cause")));
                    frames.put(v, hex(f.marshal(r)));
                }
                print(out, "ExceptionResponse/" + length + " " + (tight ? "tight" : "loose") + " plain", frames);
            }
        }
    }

    /** A small cache, so that entries are evicted and the ring goes round. */
    static void eviction(PrintStream out) throws Exception {
        for (boolean tight : new boolean[] {false, true}) {
            OpenWireFormat f = format(12, tight, 140);
            for (int i = 0; i < 200; i++) {
                int n = i % 5 == 4 ? i - 30 : i;
                ProducerInfo p = new ProducerInfo(new ProducerId(SESSION, n));
                p.setDestination(new ActiveMQQueue("Q" + n));
                out.println("ProducerInfo/" + n + " " + (tight ? "tight" : "loose") + " cached 12 12 " + hex(f.marshal(p)));
            }
        }
    }

    public static void main(String[] args) throws Exception {
        messages();
        delivery();
        infos();
        control();
        rare();
        File dir = new File(args[0]);
        try (PrintStream out = new PrintStream(new File(dir, "commands.golden"))) {
            commands(out);
        }
        try (PrintStream out = new PrintStream(new File(dir, "eviction.golden"))) {
            eviction(out);
        }
        try (PrintStream out = new PrintStream(new File(dir, "exceptions.golden"))) {
            exceptions(out);
        }
        try (PrintStream out = new PrintStream(new File(dir, "wireformat.golden"))) {
            OpenWireFormatFactory factory = new OpenWireFormatFactory();
            factory.setHost("localhost");
            OpenWireFormat f = (OpenWireFormat)factory.createWireFormat();
            out.println("WireFormatInfo/default loose plain 1 12 " + hex(new OpenWireFormat(1).marshal(f.getPreferedWireFormatInfo())));
            out.println("Null loose plain 1 12 " + hex(new OpenWireFormat(1).marshal((Object)null)));
        }
    }
}
