import java.util.Collections;
import java.util.HashSet;
import java.util.Set;
import javax.jms.DeliveryMode;
import javax.jms.MapMessage;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Queue;
import javax.jms.Session;
import javax.jms.TextMessage;
import org.apache.activemq.command.ActiveMQDestination;
import org.apache.activemq.command.ActiveMQMessage;
import org.apache.activemq.command.ActiveMQQueue;
import org.apache.activemq.command.ActiveMQTopic;
import org.apache.activemq.command.MessageId;
import org.apache.activemq.command.ProducerInfo;
import org.apache.activemq.command.SessionInfo;

/** Plugins that answer, or change messages. Each needs a broker that is configured for it. */
final class PluginCases {
    private PluginCases() {
    }

    /** timeStampingBrokerPlugin ttlCeiling=60000 zeroExpirationOverride=30000, statisticsBrokerPlugin, traceBrokerPathPlugin. */
    static void addTo(Suite suite) {
        suite.add("plugin.statistics.broker", PluginCases::broker);
        suite.add("plugin.statistics.broker.reset", PluginCases::reset);
        suite.add("plugin.statistics.destination", PluginCases::destination);
        suite.add("plugin.statistics.wildcard", PluginCases::wildcard);
        suite.add("plugin.statistics.end", PluginCases::endOfList);
        suite.add("plugin.statistics.first", PluginCases::firstMessage);
        suite.add("plugin.statistics.subscription", PluginCases::subscription);
        suite.add("plugin.statistics.no.reply", PluginCases::noReply);
        suite.add("plugin.stamp.zero", PluginCases::zero);
        suite.add("plugin.stamp.ceiling", PluginCases::ceiling);
        suite.add("plugin.stamp.shorter", PluginCases::shorter);
        suite.add("plugin.stamp.clock", PluginCases::clock);
        suite.add("plugin.stamp.disabled", PluginCases::disabled);
        suite.add("plugin.path", PluginCases::path);
        suite.add("plugin.user", PluginCases::user);
        suite.addBetter("plugin.selectors", PluginCases::selectors);
        suite.addBetter("plugin.header.persistent", PluginCases::headerPersistent);
        suite.addBetter("plugin.header.expiration", PluginCases::headerExpiration);
    }

    /** What a consumer selects waits for it while it is away, and nothing else. */
    private static void selectors(Env env) throws Exception {
        Session session = env.session();
        Queue queue = new ActiveMQQueue("Consumer.A.Aware." + env.name("t"));
        session.createConsumer(queue, "JMSPriority > 5").close();
        MessageProducer producer = session.createProducer(new ActiveMQTopic("Aware." + env.name("t")));
        for (int i = 0; i < 6; i++) {
            producer.send(session.createTextMessage(Integer.toString(i / 2)), DeliveryMode.PERSISTENT, i % 2 == 0 ? 7 : 3, 0);
        }
        MessageConsumer all = session.createConsumer(queue);
        Env.expectNumbers(all, 0, 3);
        Env.none(all);
    }

    private static MessageConsumer ask(Env env, Session session, String name, String... properties) throws Exception {
        Queue reply = session.createTemporaryQueue();
        MessageConsumer consumer = session.createConsumer(reply);
        Message question = session.createMessage();
        for (String property : properties) {
            question.setBooleanProperty(property, true);
        }
        question.setJMSReplyTo(reply);
        question.setJMSCorrelationID("c-1");
        session.createProducer(new ActiveMQQueue(name)).send(question);
        return consumer;
    }

    private static MapMessage answer(MessageConsumer consumer) throws Exception {
        MapMessage message = (MapMessage) Env.receive(consumer);
        Env.equal("c-1", message.getJMSCorrelationID(), "correlation");
        return message;
    }

    private static void broker(Env env) throws Exception {
        Session session = env.session();
        Env.sendNumbers(session, env.queue("q"), 0, 3);
        MapMessage m = answer(ask(env, session, "ActiveMQ.Statistics.Broker"));
        for (String key : new String[] {"brokerName", "brokerId", "size", "enqueueCount", "dequeueCount", "dispatchCount", "expiredCount",
            "inflightCount", "averageMessageSize", "messagesCached", "memoryPercentUsage", "memoryUsage", "memoryLimit",
            "storePercentUsage", "storeUsage", "storeLimit", "tempPercentUsage", "tempUsage", "tempLimit", "averageEnqueueTime",
            "maxEnqueueTime", "minEnqueueTime", "consumerCount", "producerCount", "openwire", "stomp", "ssl", "stomp+ssl", "vm",
            "dataDirectory"}) {
            Env.check(m.itemExists(key), key + " is missing");
        }
        Env.check(m.getLong("enqueueCount") >= 3 && m.getLong("size") >= 3, "counts");
        Env.check(m.getObject("memoryPercentUsage") instanceof Integer, "memoryPercentUsage is no int");
        Env.check(m.getObject("averageEnqueueTime") instanceof Double, "averageEnqueueTime is no double");
        Env.check(m.getString("openwire").startsWith("tcp://"), "openwire");
    }

    private static void reset(Env env) throws Exception {
        Session session = env.session();
        Env.sendNumbers(session, env.queue("q"), 0, 50);
        long before = answer(ask(env, session, "ActiveMQ.Statistics.Broker")).getLong("enqueueCount");
        MapMessage m = answer(ask(env, session, "ActiveMQ.Statistics.Broker", "ActiveMQ.Statistics.Broker.Reset"));
        Env.check(m.getLong("enqueueCount") < before, "not reset: " + m.getLong("enqueueCount"));
    }

    private static void destination(Env env) throws Exception {
        Session session = env.session();
        Queue queue = env.queue("q");
        Env.sendNumbers(session, queue, 0, 5);
        MessageConsumer consumer = session.createConsumer(queue);
        Env.receive(consumer);
        consumer.close();
        MessageConsumer answers = ask(env, session, "ActiveMQ.Statistics.Destination." + queue.getQueueName());
        MapMessage m = answer(answers);
        Env.equal("queue://" + queue.getQueueName(), m.getString("destinationName"), "destinationName");
        Env.equal(4L, m.getLong("size"), "size");
        Env.equal(5L, m.getLong("enqueueCount"), "enqueueCount");
        Env.equal(1L, m.getLong("dequeueCount"), "dequeueCount");
        Env.equal(0L, m.getLong("consumerCount"), "consumerCount");
        Env.check(m.getLong("averageMessageSize") > 0, "averageMessageSize");
        Env.check(m.getLong("memoryLimit") > 0, "memoryLimit");
        Env.none(answers);
        Env.none(ask(env, session, "ActiveMQ.Statistics.Destination." + queue.getQueueName() + ".none"));
    }

    private static void wildcard(Env env) throws Exception {
        Session session = env.session();
        for (String name : new String[] {"w.a", "w.b"}) {
            Env.sendNumbers(session, env.queue(name), 0, 1);
        }
        MessageConsumer answers = ask(env, session, "ActiveMQ.Statistics.Destination." + env.name("w.>"));
        Set<String> names = new HashSet<>();
        names.add(answer(answers).getString("destinationName"));
        names.add(answer(answers).getString("destinationName"));
        Env.equal(Set.of("queue://" + env.name("w.a"), "queue://" + env.name("w.b")), names, "names");
        Env.none(answers);
    }

    private static void endOfList(Env env) throws Exception {
        Session session = env.session();
        Env.sendNumbers(session, env.queue("q"), 0, 1);
        MessageConsumer answers = ask(env, session, "ActiveMQ.Statistics.Destination." + env.name("q"),
            "ActiveMQ.Statistics.Destination.List.End.With.Null");
        Env.check(answer(answers).itemExists("size"), "size");
        Env.equal(0, Collections.list(answer(answers).getMapNames()).size(), "the end");
    }

    private static void firstMessage(Env env) throws Exception {
        Session session = env.session();
        long before = System.currentTimeMillis();
        Env.sendNumbers(session, env.queue("q"), 0, 2);
        MapMessage m = answer(ask(env, session, "ActiveMQ.Statistics.Destination." + env.name("q"),
            "ActiveMQ.Statistics.Destination.Include.First.Message.Timestamp"));
        long first = m.getLong("firstMessageTimestamp");
        Env.check(first >= before && first <= System.currentTimeMillis(), "firstMessageTimestamp " + first);
    }

    private static void subscription(Env env) throws Exception {
        Session session = env.connect("jms.prefetchPolicy.queuePrefetch=7").createSession(false, Session.AUTO_ACKNOWLEDGE);
        Queue queue = env.queue("q");
        MessageConsumer consumer = session.createConsumer(queue, "a = 1");
        MessageConsumer answers = ask(env, session, "ActiveMQ.Statistics.Subscription");
        for (;;) {
            MapMessage m = (MapMessage) Env.receive(answers);
            if (!queue.getQueueName().equals(m.getString("destinationName"))) {
                continue;
            }
            Env.equal("a = 1", m.getString("selector"), "selector");
            Env.equal(7, m.getInt("prefetchSize"), "prefetchSize");
            for (String key : new String[] {"clientId", "connectionId", "sessionId", "enqueueCounter", "dequeueCounter",
                "dispatchedCounter", "dispatchedQueueSize", "maximumPendingMessageLimit", "exclusive", "retroactive", "slowConsumer"}) {
                Env.check(m.itemExists(key), key + " is missing");
            }
            consumer.close();
            return;
        }
    }

    /** Without a reply destination the message is one like others. */
    private static void noReply(Env env) throws Exception {
        Session session = env.session();
        Queue queue = new ActiveMQQueue("ActiveMQ.Statistics.Broker." + env.name("q"));
        Env.sendNumbers(session, queue, 0, 1);
        Env.expectNumbers(session.createConsumer(queue), 0, 1);
    }

    private static Message through(Env env, String queue, long live, boolean timestamps) throws Exception {
        Session session = env.session();
        Queue to = env.queue(queue);
        MessageProducer producer = session.createProducer(to);
        producer.setDisableMessageTimestamp(!timestamps);
        producer.send(session.createTextMessage("x"), DeliveryMode.NON_PERSISTENT, 4, live);
        return Env.receive(session.createConsumer(to));
    }

    private static void lives(Message message, long ms) throws Exception {
        Env.equal(ms, message.getJMSExpiration() - message.getJMSTimestamp(), "time to live");
    }

    private static void zero(Env env) throws Exception {
        lives(through(env, "q", 0, true), 30_000);
    }

    private static void ceiling(Env env) throws Exception {
        lives(through(env, "q", 3_600_000, true), 60_000);
    }

    private static void shorter(Env env) throws Exception {
        lives(through(env, "q", 20_000, true), 20_000);
    }

    /** A client whose clock is wrong. */
    private static void clock(Env env) throws Exception {
        var connection = env.connect();
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Queue to = env.queue("q");
        ActiveMQMessage message = (ActiveMQMessage) session.createTextMessage("x");
        message.setTimestamp(1_000);
        message.setExpiration(11_000);
        long before = System.currentTimeMillis();
        SessionInfo own = new SessionInfo(connection.getConnectionInfo(), 99);
        ProducerInfo producer = new ProducerInfo(own, 1);
        connection.syncSendPacket(own);
        connection.syncSendPacket(producer);
        message.setDestination((ActiveMQDestination) to);
        message.setProducerId(producer.getProducerId());
        message.setMessageId(new MessageId(producer.getProducerId(), 1));
        message.setJMSDeliveryMode(DeliveryMode.NON_PERSISTENT);
        connection.syncSendPacket(message);
        Message got = Env.receive(session.createConsumer(to));
        Env.check(got.getJMSTimestamp() >= before, "timestamp " + got.getJMSTimestamp());
        lives(got, 10_000);
    }

    private static void disabled(Env env) throws Exception {
        Message m = through(env, "q", 0, false);
        Env.equal(0L, m.getJMSTimestamp(), "timestamp");
        Env.equal(0L, m.getJMSExpiration(), "expiration");
    }

    private static void path(Env env) throws Exception {
        Session session = env.session();
        Queue to = env.queue("q");
        TextMessage message = session.createTextMessage("x");
        message.setStringProperty("BrokerPath", "far");
        message.setIntProperty("n", 5);
        MessageProducer producer = session.createProducer(to);
        producer.send(message);
        producer.send(session.createTextMessage("y"));
        MessageConsumer consumer = session.createConsumer(to);
        Message got = Env.receive(consumer);
        Env.equal("far,a", got.getStringProperty("BrokerPath"), "path");
        Env.equal(5, got.getIntProperty("n"), "n");
        Env.equal("a", Env.receive(consumer).getStringProperty("BrokerPath"), "path");
    }

    private static void user(Env env) throws Exception {
        var factory = env.factory();
        factory.setUserName("someone");
        factory.setPassword("x");
        Session session = env.start(factory, null).createSession(false, Session.AUTO_ACKNOWLEDGE);
        Queue to = env.queue("q");
        long before = System.currentTimeMillis();
        Env.sendNumbers(session, to, 0, 1);
        Message got = Env.receive(session.createConsumer(to));
        Env.equal("someone", got.getStringProperty("JMSXUserID"), "JMSXUserID");
        long in = got.getLongProperty("JMSActiveMQBrokerInTime");
        long out = got.getLongProperty("JMSActiveMQBrokerOutTime");
        Env.check(in >= before && in <= System.currentTimeMillis(), "BrokerInTime " + in);
        Env.check(out >= in && out <= System.currentTimeMillis(), "BrokerOutTime " + out);
    }

    private static void headerPersistent(Env env) throws Exception {
        Message m = through(env, "forced", 0, true);
        Env.equal(DeliveryMode.PERSISTENT, m.getJMSDeliveryMode(), "delivery mode");
    }

    private static void headerExpiration(Env env) throws Exception {
        lives(through(env, "forced", 0, true), 5_000);
        Message other = through(env, "chain", 10_000, true);
        lives(other, 4_000);
        Env.equal(DeliveryMode.PERSISTENT, other.getJMSDeliveryMode(), "delivery mode");
    }
}
