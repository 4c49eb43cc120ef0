import java.util.HashSet;
import java.util.Set;
import javax.jms.Destination;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Queue;
import javax.jms.Session;
import javax.jms.TemporaryQueue;
import javax.jms.TextMessage;
import javax.jms.Topic;
import org.apache.activemq.ActiveMQConnection;
import org.apache.activemq.advisory.DestinationSource;
import org.apache.activemq.command.ActiveMQDestination;
import org.apache.activemq.command.ActiveMQQueue;
import org.apache.activemq.command.ActiveMQTopic;

/** Wildcards, composites, virtual topics, and how destinations come and go. */
final class DestinationCases {
    private DestinationCases() {
    }

    static void addTo(Suite suite) {
        suite.add("dest.wildcard.topic", env -> wildcard(env, false));
        suite.add("dest.wildcard.queue", env -> wildcard(env, true));
        suite.add("dest.wildcard.send", DestinationCases::wildcardSend);
        suite.add("dest.composite.transaction", DestinationCases::compositeTransaction);
        suite.add("dest.composite.consumer", DestinationCases::compositeConsumer);
        suite.add("dest.options", DestinationCases::options);
        suite.add("dest.virtual.groups", DestinationCases::groups);
        suite.add("dest.virtual.offline", DestinationCases::offline);
        suite.add("dest.virtual.durable", DestinationCases::durable);
        suite.add("dest.virtual.transaction", DestinationCases::transaction);
        suite.add("dest.virtual.wildcard", DestinationCases::virtualWildcard);
        suite.add("dest.virtual.selector", DestinationCases::virtualSelector);
        suite.add("dest.destroy.busy", DestinationCases::destroyBusy);
        suite.add("dest.destroy.discards", DestinationCases::destroyDiscards);
        suite.add("dest.created.at.start", DestinationCases::atStart);
        suite.add("dest.limit", DestinationCases::limit);
        suite.add("dest.purge", DestinationCases::purge);
        suite.add("dest.separator", DestinationCases::separator);
        suite.add("dest.temp.gone", DestinationCases::tempGone);
        suite.add("dest.temp.failover", DestinationCases::tempFailover);
    }

    static ActiveMQDestination dest(boolean queue, String name) {
        return queue ? new ActiveMQQueue(name) : new ActiveMQTopic(name);
    }

    private static void wildcard(Env env, boolean queue) throws Exception {
        Session session = env.session();
        String root = env.name("w");
        record Want(String pattern, String... names) {
        }
        Want[] wants = {
            new Want(".>", "", ".A", ".A.X", ".B.X"), new Want(".*", ".A"), new Want(".*.X", ".A.X", ".B.X"), new Want(".A.>", ".A", ".A.X")};
        for (Want want : wants) {
            MessageConsumer consumer = session.createConsumer(dest(queue, root + want.pattern));
            for (String name : new String[] {"", ".A", ".A.X", ".B.X"}) {
                session.createProducer(dest(queue, root + name)).send(session.createTextMessage(name));
            }
            Set<String> got = new HashSet<>();
            for (String ignored : want.names) {
                Message message = Env.receive(consumer);
                String name = ((TextMessage) message).getText();
                Env.equal(dest(queue, root + name), message.getJMSDestination(), "destination");
                got.add(name);
            }
            Env.equal(Set.of(want.names), got, want.pattern);
            consumer.close();
            MessageConsumer rest = session.createConsumer(dest(queue, root + ".>"));
            while (rest.receive(100) != null) {
                // what the pattern did not cover
            }
            rest.close();
        }
    }

    private static void wildcardSend(Env env) throws Exception {
        Session session = env.session();
        String root = env.name("w");
        MessageConsumer narrow = session.createConsumer(new ActiveMQTopic(root + ".*"));
        MessageConsumer wide = session.createConsumer(new ActiveMQTopic(root + ".>"));
        session.createProducer(new ActiveMQTopic(root + ".>")).send(session.createTextMessage("all"));
        Env.equal("all", Env.text(narrow), "narrow");
        Env.equal("all", Env.text(wide), "wide");
    }

    /** In another suite: ActiveMQ's destinationPathSeparatorPlugin takes "topic://" for a path. */
    static void compositeSend(Env env) throws Exception {
        Session session = env.session();
        Queue a = env.queue("a");
        Topic t = env.topic("t");
        MessageConsumer onA = session.createConsumer(a);
        MessageConsumer onT = session.createConsumer(t);
        Queue all = new ActiveMQQueue(env.name("a") + ",topic://" + env.name("t") + "," + env.name("a"));
        Env.sendNumbers(session, all, 0, 5);
        for (int i = 0; i < 5; i++) {
            Message message = Env.receive(onA);
            Env.equal(Integer.toString(i), ((TextMessage) message).getText(), "text");
            Env.equal(a, message.getJMSDestination(), "destination");
        }
        Env.expectNumbers(onT, 0, 5);
        Env.none(onA);
    }

    private static void compositeTransaction(Env env) throws Exception {
        ActiveMQConnection connection = env.connect();
        Session session = connection.createSession(true, Session.SESSION_TRANSACTED);
        Session plain = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageConsumer a = plain.createConsumer(env.queue("a"));
        MessageConsumer b = plain.createConsumer(env.queue("b"));
        Queue both = new ActiveMQQueue(env.name("a") + "," + env.name("b"));
        Env.sendNumbers(session, both, 0, 3);
        session.rollback();
        Env.sendNumbers(session, both, 3, 6);
        Env.none(a);
        session.commit();
        Env.expectNumbers(a, 3, 6);
        Env.expectNumbers(b, 3, 6);
    }

    private static void compositeConsumer(Env env) throws Exception {
        Session session = env.session();
        MessageConsumer both = session.createConsumer(new ActiveMQQueue(env.name("a") + "," + env.name("b")));
        Env.sendNumbers(session, env.queue("a"), 0, 1);
        Env.expectNumbers(both, 0, 1);
        Env.sendNumbers(session, env.queue("b"), 1, 2);
        Env.expectNumbers(both, 1, 2);
        both.close();
        // A consumer of queues gets no topics.
        MessageConsumer mixed = session.createConsumer(new ActiveMQQueue(env.name("a") + ",topic://" + env.name("t")));
        Env.sendNumbers(session, env.topic("t"), 0, 1);
        Env.sendNumbers(session, env.queue("a"), 2, 3);
        Env.expectNumbers(mixed, 2, 3);
        Env.none(mixed);
    }

    private static void options(Env env) throws Exception {
        Session session = env.session();
        MessageConsumer consumer = session.createConsumer(new ActiveMQQueue(env.name("q") + "?consumer.prefetchSize=1&consumer.priority=5"));
        Env.sendNumbers(session, env.queue("q"), 0, 3);
        Env.expectNumbers(consumer, 0, 3);
        Env.expect(JMSException.class, () -> session.createConsumer(new ActiveMQQueue(env.name("q") + "?consumer.nonsense=1")));
        Env.expect(IllegalArgumentException.class, () -> new ActiveMQQueue(" "));
    }

    private static String topicOf(Env env) {
        return "VirtualTopic." + env.name("t");
    }

    private static void groups(Env env) throws Exception {
        Session session = env.session();
        Topic topic = new ActiveMQTopic(topicOf(env));
        Queue a = new ActiveMQQueue("Consumer.A." + topicOf(env));
        MessageConsumer a1 = session.createConsumer(a);
        MessageConsumer b = session.createConsumer(new ActiveMQQueue("Consumer.B." + topicOf(env)));
        MessageConsumer direct = session.createConsumer(topic);
        Env.sendNumbers(session, topic, 0, 20);
        Env.expectNumbers(direct, 0, 20);
        Env.expectNumbers(b, 0, 20);
        for (int i = 0; i < 20; i++) {
            Message message = Env.receive(a1);
            Env.equal(Integer.toString(i), ((TextMessage) message).getText(), "text");
            Env.equal(a, message.getJMSDestination(), "destination");
            Env.equal(topic, ((org.apache.activemq.command.Message) message).getOriginalDestination(), "original");
        }
        Env.none(b);
        session.createConsumer(new ActiveMQQueue("Consumer.C." + topicOf(env)));
        Env.sendNumbers(session, new ActiveMQTopic("VirtualTopic." + env.name("other")), 0, 1);
        Env.none(a1);
    }

    private static void offline(Env env) throws Exception {
        Session session = env.session();
        Queue queue = new ActiveMQQueue("Consumer.A." + topicOf(env));
        MessageProducer producer = session.createProducer(new ActiveMQTopic(topicOf(env)));
        producer.send(session.createTextMessage("lost"));
        session.createConsumer(queue).close();
        for (int i = 0; i < 5; i++) {
            producer.send(session.createTextMessage(Integer.toString(i)));
        }
        Env.expectNumbers(session.createConsumer(queue), 0, 5);
    }

    private static void durable(Env env) throws Exception {
        ActiveMQConnection connection = env.start(env.factory(), env.name("client"));
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Topic topic = new ActiveMQTopic(topicOf(env));
        session.createDurableSubscriber(topic, "sub").close();
        session.createConsumer(new ActiveMQQueue("Consumer.A." + topicOf(env))).close();
        Env.sendNumbers(session, topic, 0, 5);
        Env.expectNumbers(session.createDurableSubscriber(topic, "sub"), 0, 5);
        Env.expectNumbers(session.createConsumer(new ActiveMQQueue("Consumer.A." + topicOf(env))), 0, 5);
    }

    private static void transaction(Env env) throws Exception {
        ActiveMQConnection connection = env.connect();
        Session session = connection.createSession(true, Session.SESSION_TRANSACTED);
        Session plain = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageConsumer a = plain.createConsumer(new ActiveMQQueue("Consumer.A." + topicOf(env)));
        MessageConsumer b = plain.createConsumer(new ActiveMQQueue("Consumer.B." + topicOf(env)));
        Env.sendNumbers(session, new ActiveMQTopic(topicOf(env)), 0, 3);
        session.rollback();
        Env.sendNumbers(session, new ActiveMQTopic(topicOf(env)), 3, 6);
        session.commit();
        Env.expectNumbers(a, 3, 6);
        Env.expectNumbers(b, 3, 6);
    }

    /** ActiveMQ's VirtualTopicWildcardTest: a queue called like the pattern, and a share of the other. */
    private static void virtualWildcard(Env env) throws Exception {
        Session session = env.session();
        String base = "VirtualTopic." + env.name("w");
        MessageConsumer wide = session.createConsumer(new ActiveMQQueue("Consumer.1." + base + ".>"));
        MessageConsumer exact = session.createConsumer(new ActiveMQQueue("Consumer.1." + base + ".A.IT"));
        MessageConsumer other = session.createConsumer(new ActiveMQQueue("Consumer.1." + base + ".B.IT"));
        Env.sendNumbers(session, new ActiveMQTopic(base + ".A.IT"), 0, 3);
        int n = 0;
        while (n < 6 && (wide.receive(500) != null || exact.receive(500) != null)) {
            n++;
        }
        Env.equal(6, n, "messages");
        Env.none(wide);
        Env.none(exact);
        Env.none(other);
    }

    private static void virtualSelector(Env env) throws Exception {
        Session session = env.session();
        Queue queue = new ActiveMQQueue("Consumer.A." + topicOf(env));
        MessageConsumer odd = session.createConsumer(queue, "odd = 'yes'");
        MessageConsumer even = session.createConsumer(queue, "odd = 'no'");
        MessageProducer producer = session.createProducer(new ActiveMQTopic(topicOf(env)));
        for (int i = 0; i < 6; i++) {
            TextMessage message = session.createTextMessage(Integer.toString(i));
            message.setStringProperty("odd", i % 2 == 1 ? "yes" : "no");
            producer.send(message);
        }
        for (int i = 0; i < 6; i += 2) {
            Env.equal(Integer.toString(i), Env.text(even), "even");
            Env.equal(Integer.toString(i + 1), Env.text(odd), "odd");
        }
    }

    private static void destroyBusy(Env env) throws Exception {
        ActiveMQConnection connection = env.connect();
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        ActiveMQQueue queue = (ActiveMQQueue) env.queue("q");
        MessageConsumer consumer = session.createConsumer(queue);
        JMSException e = Env.expect(JMSException.class, () -> {
            connection.destroyDestination(queue);
            return null;
        });
        String want = "Destination: " + queue + " still has an active subscription";
        Env.check(e.getMessage().startsWith(want), e.getMessage());
        Env.sendNumbers(session, queue, 0, 1);
        Env.expectNumbers(consumer, 0, 1);
        consumer.close();
        connection.destroyDestination(queue);
        connection.destroyDestination((ActiveMQDestination) env.queue("never.there"));
    }

    private static void destroyDiscards(Env env) throws Exception {
        ActiveMQConnection connection = env.connect();
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        ActiveMQQueue queue = (ActiveMQQueue) env.queue("q");
        MessageProducer producer = session.createProducer(queue);
        producer.send(session.createTextMessage("gone"));
        connection.destroyDestination(queue);
        producer.send(session.createTextMessage("0"));
        MessageConsumer consumer = session.createConsumer(queue);
        Env.expectNumbers(consumer, 0, 1);
        Env.none(consumer);
    }

    private static void atStart(Env env) throws Exception {
        DestinationSource source = env.connect().getDestinationSource();
        Env.await("START.QUEUE", () -> source.getQueues().contains(new ActiveMQQueue("START.QUEUE")));
        Env.await("START.TOPIC", () -> source.getTopics().contains(new ActiveMQTopic("START.TOPIC")));
    }

    private static void limit(Env env) throws Exception {
        ActiveMQConnection connection = env.connect();
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        session.createConsumer(new ActiveMQQueue("LIMITED.1")).close();
        session.createConsumer(new ActiveMQQueue("LIMITED.2"));
        String want = "The maxmimum number of destinations allowed (2) for the policy queue://LIMITED.> has already been reached.";
        JMSException e = Env.expect(javax.jms.IllegalStateException.class, () -> session.createConsumer(new ActiveMQQueue("LIMITED.3")));
        Env.check(e.getMessage().contains(want), e.getMessage());
        e = Env.expect(JMSException.class, () -> session.createProducer(new ActiveMQQueue("LIMITED.3")));
        Env.check(e.getMessage().contains(want), e.getMessage());
        connection.destroyDestination(new ActiveMQQueue("LIMITED.1"));
        session.createConsumer(new ActiveMQQueue("LIMITED.3"));
    }

    private static void purge(Env env) throws Exception {
        ActiveMQConnection connection = env.connect();
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        DestinationSource source = connection.getDestinationSource();
        ActiveMQQueue idle = new ActiveMQQueue("PURGED.IDLE");
        ActiveMQQueue full = new ActiveMQQueue("PURGED.FULL");
        MessageProducer producer = session.createProducer(full);
        producer.send(session.createTextMessage("0"));
        producer.close();
        session.createConsumer(idle).close();
        Env.await("they are there", () -> source.getQueues().contains(full) && source.getQueues().contains(idle));
        Env.await("the idle one is gone", () -> !source.getQueues().contains(idle));
        Env.check(source.getQueues().contains(full), "the full one is gone");
        MessageConsumer consumer = session.createConsumer(full);
        Env.expectNumbers(consumer, 0, 1);
        consumer.close();
        Env.await("the empty one is gone", () -> !source.getQueues().contains(full));
        Env.sendNumbers(session, full, 1, 2);
        Env.expectNumbers(session.createConsumer(full), 1, 2);
    }

    private static void separator(Env env) throws Exception {
        Session session = env.session();
        String name = env.name("x.y");
        MessageConsumer consumer = session.createConsumer(new ActiveMQQueue(name));
        MessageConsumer wild = session.createConsumer(new ActiveMQTopic(env.name("*").replace('.', '/')));
        Env.sendNumbers(session, new ActiveMQQueue(name.replace('.', '/')), 0, 2);
        Env.expectNumbers(consumer, 0, 2);
        Env.sendNumbers(session, new ActiveMQTopic(env.name("z")), 0, 2);
        Env.expectNumbers(wild, 0, 2);
    }

    /** Without advisories a client learns from the broker that a temporary queue is gone. */
    private static void tempGone(Env env) throws Exception {
        ActiveMQConnection connection = env.connect("jms.watchTopicAdvisories=false");
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        TemporaryQueue queue = session.createTemporaryQueue();
        MessageProducer producer = session.createProducer(null);
        producer.send(queue, session.createTextMessage("0"));
        queue.delete();
        org.apache.activemq.DestinationDoesNotExistException e = Env.expect(org.apache.activemq.DestinationDoesNotExistException.class, () -> {
            producer.send(queue, session.createTextMessage("1"));
            return null;
        });
        Env.check(e.isTemporary(), "temporary");
        Env.equal("The destination " + queue + " does not exist.", e.getLocalizedMessage(), "text");
        Env.expect(JMSException.class, () -> session.createProducer(queue));
    }

    /** A client that has lost its connection comes back with its temporary queues. */
    private static void tempFailover(Env env) throws Exception {
        ActiveMQConnection connection = failover(env);
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        TemporaryQueue replies = session.createTemporaryQueue();
        MessageConsumer consumer = session.createConsumer(replies);
        Session other = env.session();
        Env.sendNumbers(other, replies, 0, 1);
        Env.expectNumbers(consumer, 0, 1);
        java.util.concurrent.CountDownLatch resumed = new java.util.concurrent.CountDownLatch(1);
        connection.addTransportListener(new org.apache.activemq.transport.DefaultTransportListener() {
            @Override
            public void transportResumed() {
                resumed.countDown();
            }
        });
        org.apache.activemq.transport.failover.FailoverTransport transport =
            connection.getTransport().narrow(org.apache.activemq.transport.failover.FailoverTransport.class);
        transport.handleTransportFailure(new java.io.IOException("lost by the test"));
        Env.check(resumed.await(10, java.util.concurrent.TimeUnit.SECONDS), "no reconnection");
        Env.sendNumbers(session, (Destination) replies, 1, 2);
        Env.expectNumbers(consumer, 1, 2);
        Env.sendNumbers(env.session(), replies, 2, 3);
        Env.expectNumbers(consumer, 2, 3);
    }

    private static ActiveMQConnection failover(Env env) throws JMSException {
        org.apache.activemq.ActiveMQConnectionFactory factory = env.factory();
        factory.setBrokerURL("failover:(" + factory.getBrokerURL() + ")?initialReconnectDelay=10");
        return env.start(factory, null);
    }
}
