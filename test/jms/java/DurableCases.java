import javax.jms.DeliveryMode;
import javax.jms.InvalidClientIDException;
import javax.jms.InvalidDestinationException;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Session;
import javax.jms.TextMessage;
import javax.jms.Topic;
import org.apache.activemq.ActiveMQConnection;
import org.apache.activemq.ActiveMQSession;
import org.apache.activemq.command.ActiveMQQueue;
import org.apache.activemq.command.ActiveMQTopic;

/** Durable subscriptions and client ids. */
final class DurableCases {
    private static final String FAST = "jms.redeliveryPolicy.initialRedeliveryDelay=10";

    private DurableCases() {
    }

    static void addTo(Suite suite) {
        suite.add("durable.in.use", DurableCases::inUse);
        suite.add("durable.unsubscribe", DurableCases::unsubscribe);
        suite.add("durable.client.id.conflict", DurableCases::clientID);
        suite.add("durable.names", DurableCases::names);
        suite.add("durable.change.selector", env -> change(env, "selector"));
        suite.add("durable.change.topic", env -> change(env, "topic"));
        suite.add("durable.change.nolocal", env -> change(env, "noLocal"));
        suite.add("durable.unchanged", env -> change(env, "nothing"));
        suite.add("durable.selector.offline", DurableCases::selectorOffline);
        suite.add("durable.nolocal", DurableCases::noLocal);
        suite.add("durable.wildcard", DurableCases::wildcard);
        suite.add("durable.composite", DurableCases::composite);
        suite.add("durable.nonpersistent.offline", env -> offlineTransient(env, 500));
        suite.add("durable.nonpersistent.slow", DurableCases::slowTransient);
        suite.add("durable.nonpersistent.redelivery", DurableCases::redeliveredTransient);
        suite.add("durable.rollback", DurableCases::rollback);
        suite.add("durable.redelivered.after.close", DurableCases::redeliveredAfterClose);
        suite.add("durable.individual", DurableCases::individual);
        suite.add("durable.client.ack", DurableCases::clientAck);
        suite.add("durable.prefetch.one", DurableCases::prefetchOne);
        suite.add("durable.expired.offline", DurableCases::expired);
        suite.add("durable.poison", DurableCases::poison);
        suite.add("durable.in.transaction", DurableCases::inTransaction);
        suite.addBetter("durable.client.id.at.once", DurableCases::atOnce);
    }

    private static ActiveMQConnection connect(Env env, String clientID, String... options) throws JMSException {
        return env.start(env.factory(options), env.name(clientID));
    }

    private static Session session(Env env, String clientID, String... options) throws JMSException {
        return connect(env, clientID, options).createSession(false, Session.AUTO_ACKNOWLEDGE);
    }

    /** Makes a subscription and leaves it. */
    private static void leave(Env env, String clientID, Topic topic) throws JMSException {
        ActiveMQConnection connection = connect(env, clientID);
        connection.createSession(false, Session.AUTO_ACKNOWLEDGE).createDurableSubscriber(topic, "s");
        connection.close();
    }

    private static void inUse(Env env) throws Exception {
        Session session = session(env, "c");
        Topic topic = env.topic("t");
        MessageConsumer first = session.createDurableSubscriber(topic, "s");
        JMSException e = Env.expect(JMSException.class, () -> session.createDurableSubscriber(topic, "s"));
        Env.equal("Durable consumer is in use for client: " + env.name("c") + " and subscriptionName: s", e.getMessage(), "message");
        e = Env.expect(JMSException.class, () -> session.createDurableSubscriber(env.topic("u"), "s", "a = 1", false));
        Env.check(e.getMessage().startsWith("Durable consumer is in use"), e.getMessage());
        first.close();
        session.createDurableSubscriber(topic, "s");
    }

    private static void unsubscribe(Env env) throws Exception {
        Session session = session(env, "c");
        Topic topic = env.topic("t");
        JMSException e = Env.expect(InvalidDestinationException.class, () -> unsubscribe(session));
        Env.equal("No durable subscription exists for clientID: " + env.name("c") + " and subscriptionName: s", e.getMessage(), "message");
        MessageConsumer consumer = session.createDurableSubscriber(topic, "s");
        e = Env.expect(JMSException.class, () -> unsubscribe(session));
        Env.equal("Durable consumer is in use", e.getMessage(), "message");
        Session other = session(env, "d");
        Env.expect(InvalidDestinationException.class, () -> unsubscribe(other));
        consumer.close();
        session.unsubscribe("s");
        Env.expect(InvalidDestinationException.class, () -> unsubscribe(session));
        Env.sendNumbers(session, topic, 0, 2);
        Env.none(session.createDurableSubscriber(topic, "s"));
    }

    private static Object unsubscribe(Session session) throws JMSException {
        session.unsubscribe("s");
        return null;
    }

    private static void clientID(Env env) throws Exception {
        ActiveMQConnection first = connect(env, "c");
        JMSException e = Env.expect(InvalidClientIDException.class, () -> connect(env, "c"));
        Env.check(e.getMessage().matches("Broker: .* - Client: " + env.name("c") + " already connected from tcp://127\\.0\\.0\\.1:\\d+"), e.getMessage());
        Env.check(!first.isTransportFailed(), "the first connection is gone");
        first.close();
        connect(env, "c");
    }

    /** The same name of two clients, and two names of one. */
    private static void names(Env env) throws Exception {
        Topic topic = env.topic("t");
        Session one = session(env, "a");
        Session two = session(env, "b");
        MessageConsumer a = one.createDurableSubscriber(topic, "s");
        MessageConsumer b = two.createDurableSubscriber(topic, "s");
        MessageConsumer c = two.createDurableSubscriber(topic, "s:2");
        Env.sendNumbers(one, topic, 0, 3);
        Env.expectNumbers(a, 0, 3);
        Env.expectNumbers(b, 0, 3);
        Env.expectNumbers(c, 0, 3);
        b.close();
        two.unsubscribe("s");
        Env.sendNumbers(one, topic, 3, 5);
        Env.expectNumbers(a, 3, 5);
        Env.expectNumbers(c, 3, 5);
    }

    /** A changed subscription is a new one. */
    private static void change(Env env, String what) throws Exception {
        Topic topic = env.topic("t");
        leave(env, "c", topic);
        Session producer = env.session();
        Env.sendNumbers(producer, topic, 0, 3);
        Session session = session(env, "c");
        Topic now = what.equals("topic") ? env.topic("u") : topic;
        MessageConsumer consumer = session.createDurableSubscriber(now, "s", what.equals("selector") ? "a IS NULL" : null, what.equals("noLocal"));
        if (what.equals("nothing")) {
            Env.expectNumbers(consumer, 0, 3);
        }
        Env.none(consumer);
        Env.sendNumbers(producer, now, 3, 5);
        Env.expectNumbers(consumer, 3, 5);
        if (what.equals("topic")) {
            Env.sendNumbers(producer, topic, 5, 6);
            Env.none(consumer);
        }
    }

    private static void selectorOffline(Env env) throws Exception {
        Topic topic = env.topic("t");
        ActiveMQConnection connection = connect(env, "c");
        connection.createSession(false, Session.AUTO_ACKNOWLEDGE).createDurableSubscriber(topic, "s", "n > 4", false);
        connection.close();
        Session producer = env.session();
        MessageProducer to = producer.createProducer(topic);
        for (int i = 0; i < 10; i++) {
            Message message = producer.createTextMessage(Integer.toString(i));
            message.setIntProperty("n", i);
            to.send(message);
        }
        MessageConsumer consumer = session(env, "c").createDurableSubscriber(topic, "s", "n > 4", false);
        Env.expectNumbers(consumer, 5, 10);
        Env.none(consumer);
    }

    /** Not what the connection itself has sent, while the subscriber is there and while it is away. */
    private static void noLocal(Env env) throws Exception {
        Topic topic = env.topic("t");
        Session session = session(env, "c");
        MessageConsumer consumer = session.createDurableSubscriber(topic, "s", null, true);
        Session other = env.session();
        Env.sendNumbers(session, topic, 100, 103);
        Env.sendNumbers(other, topic, 0, 2);
        Env.expectNumbers(consumer, 0, 2);
        Env.none(consumer);
        consumer.close();
        Env.sendNumbers(session, topic, 100, 103);
        Env.sendNumbers(other, topic, 2, 4);
        consumer = session.createDurableSubscriber(topic, "s", null, true);
        Env.expectNumbers(consumer, 2, 4);
        Env.none(consumer);
    }

    private static void wildcard(Env env) throws Exception {
        Topic all = new ActiveMQTopic(env.name("w.>"));
        ActiveMQConnection connection = connect(env, "c");
        Session producer = env.session();
        Env.sendNumbers(producer, env.topic("w.before"), 100, 101);
        MessageConsumer consumer = connection.createSession(false, Session.AUTO_ACKNOWLEDGE).createDurableSubscriber(all, "s");
        Env.sendNumbers(producer, env.topic("w.before"), 0, 2);
        Env.sendNumbers(producer, env.topic("w.new"), 2, 4);
        Env.expectNumbers(consumer, 0, 4);
        connection.close();
        Env.sendNumbers(producer, env.topic("w.before"), 4, 6);
        Env.sendNumbers(producer, env.topic("w.new"), 6, 8);
        Env.sendNumbers(producer, env.topic("x.other"), 100, 102);
        int[] next = {4, 6};
        Session session = session(env, "c");
        consumer = session.createDurableSubscriber(all, "s");
        for (int i = 0; i < 4; i++) {
            Message got = Env.receive(consumer);
            int of = ((ActiveMQTopic) got.getJMSDestination()).getPhysicalName().endsWith("before") ? 0 : 1;
            Env.equal(Integer.toString(next[of]++), ((TextMessage) got).getText(), "text");
        }
        Env.none(consumer);
        consumer.close();
        session.unsubscribe("s");
    }

    private static void composite(Env env) throws Exception {
        Topic both = new ActiveMQTopic(env.name("a") + "," + env.name("b"));
        leave(env, "c", both);
        Session producer = env.session();
        Env.sendNumbers(producer, env.topic("a"), 0, 1);
        Env.sendNumbers(producer, env.topic("b"), 0, 1);
        Env.sendNumbers(producer, env.topic("c"), 5, 6);
        Session session = session(env, "c");
        MessageConsumer consumer = session.createDurableSubscriber(both, "s");
        Env.expectNumbers(consumer, 0, 1);
        Env.expectNumbers(consumer, 0, 1);
        Env.none(consumer);
        consumer.close();
        session.unsubscribe("s");
    }

    static void sendTransient(Session session, Topic topic, int from, int until) throws JMSException {
        MessageProducer producer = session.createProducer(topic);
        producer.setDeliveryMode(DeliveryMode.NON_PERSISTENT);
        for (int i = from; i < until; i++) {
            producer.send(session.createTextMessage(Integer.toString(i)));
        }
        producer.close();
    }

    /** What is not persistent waits for a subscriber who is away: keepDurableSubsActive. */
    private static void offlineTransient(Env env, int n) throws Exception {
        Topic topic = env.topic("t");
        leave(env, "c", topic);
        sendTransient(env.session("jms.alwaysSyncSend=true"), topic, 0, n);
        ActiveMQConnection connection = connect(env, "c");
        MessageConsumer consumer = connection.createSession(false, Session.AUTO_ACKNOWLEDGE).createDurableSubscriber(topic, "s");
        Env.expectNumbers(consumer, 0, n);
        Env.none(consumer);
        connection.close();
        Env.none(session(env, "c").createDurableSubscriber(topic, "s"));
    }

    /** More than a prefetch for a subscriber who is there and does not read. */
    private static void slowTransient(Env env) throws Exception {
        Topic topic = env.topic("t");
        MessageConsumer consumer = session(env, "c").createDurableSubscriber(topic, "s");
        sendTransient(env.session("jms.alwaysSyncSend=true"), topic, 0, 6000);
        Env.expectNumbers(consumer, 0, 6000);
    }

    private static void redeliveredTransient(Env env) throws Exception {
        Topic topic = env.topic("t");
        ActiveMQConnection connection = connect(env, "c");
        Session session = connection.createSession(false, Session.CLIENT_ACKNOWLEDGE);
        MessageConsumer consumer = session.createDurableSubscriber(topic, "s");
        sendTransient(env.session(), topic, 0, 3);
        Env.expectNumbers(consumer, 0, 2);
        connection.close();
        consumer = session(env, "c").createDurableSubscriber(topic, "s");
        Env.expectNumbers(consumer, 0, 3);
    }

    private static void rollback(Env env) throws Exception {
        Topic topic = env.topic("t");
        Session session = connect(env, "c", FAST).createSession(true, Session.SESSION_TRANSACTED);
        MessageConsumer consumer = session.createDurableSubscriber(topic, "s");
        Env.sendNumbers(env.session(), topic, 0, 4);
        for (int attempt = 1; attempt <= 3; attempt++) {
            for (int i = 0; i < 3; i++) {
                Message got = Env.receive(consumer);
                Env.equal(Integer.toString(i), ((TextMessage) got).getText(), "text");
                Env.equal(attempt, got.getIntProperty("JMSXDeliveryCount"), "JMSXDeliveryCount");
            }
            if (attempt < 3) {
                session.rollback();
            }
        }
        session.commit();
        Env.expectNumbers(consumer, 3, 4);
    }

    private static void redeliveredAfterClose(Env env) throws Exception {
        Topic topic = env.topic("t");
        ActiveMQConnection connection = connect(env, "c");
        MessageConsumer consumer = connection.createSession(true, Session.SESSION_TRANSACTED).createDurableSubscriber(topic, "s");
        Env.sendNumbers(env.session(), topic, 0, 3);
        Env.expectNumbers(consumer, 0, 2);
        connection.close();
        consumer = session(env, "c").createDurableSubscriber(topic, "s");
        for (int i = 0; i < 3; i++) {
            Message got = Env.receive(consumer);
            Env.equal(Integer.toString(i), ((TextMessage) got).getText(), "text");
            Env.equal(i < 2, got.getJMSRedelivered(), "redelivered " + i);
        }
    }

    private static void individual(Env env) throws Exception {
        Topic topic = env.topic("t");
        ActiveMQConnection connection = connect(env, "c");
        Session session = connection.createSession(false, ActiveMQSession.INDIVIDUAL_ACKNOWLEDGE);
        MessageConsumer consumer = session.createDurableSubscriber(topic, "s");
        Env.sendNumbers(env.session(), topic, 0, 6);
        for (int i = 0; i < 6; i++) {
            Message got = Env.receive(consumer);
            if (i % 2 == 1) {
                got.acknowledge();
            }
        }
        connection.close();
        consumer = session(env, "c").createDurableSubscriber(topic, "s");
        for (int i = 0; i < 6; i += 2) {
            Env.expectNumbers(consumer, i, i + 1);
        }
        Env.none(consumer);
    }

    private static void clientAck(Env env) throws Exception {
        Topic topic = env.topic("t");
        ActiveMQConnection connection = connect(env, "c", FAST);
        Session session = connection.createSession(false, Session.CLIENT_ACKNOWLEDGE);
        MessageConsumer consumer = session.createDurableSubscriber(topic, "s");
        Env.sendNumbers(env.session(), topic, 0, 5);
        Env.expectNumbers(consumer, 0, 1);
        Env.receive(consumer).acknowledge();
        Env.expectNumbers(consumer, 2, 4);
        session.recover();
        Env.expectNumbers(consumer, 2, 4);
        Env.receive(consumer).acknowledge();
        connection.close();
        Env.none(session(env, "c").createDurableSubscriber(topic, "s"));
    }

    private static void prefetchOne(Env env) throws Exception {
        Topic topic = env.topic("t");
        leave(env, "c", topic);
        Env.sendNumbers(env.session(), topic, 0, 20);
        Session session = connect(env, "c", "jms.prefetchPolicy.durableTopicPrefetch=1").createSession(true, Session.SESSION_TRANSACTED);
        MessageConsumer consumer = session.createDurableSubscriber(topic, "s");
        Env.expectNumbers(consumer, 0, 10);
        session.commit();
        Env.expectNumbers(consumer, 10, 20);
        session.commit();
        Env.none(consumer);
    }

    private static void expired(Env env) throws Exception {
        Topic topic = env.topic("t");
        leave(env, "c", topic);
        Session session = env.session();
        MessageProducer producer = session.createProducer(topic);
        producer.send(session.createTextMessage("x"), DeliveryMode.PERSISTENT, 4, 100);
        producer.send(session.createTextMessage("0"));
        MessageConsumer dead = session.createConsumer(new ActiveMQQueue("ActiveMQ.DLQ"), "dlqDeliveryFailureCause LIKE '%Expired%'");
        MessageConsumer probe = session.createConsumer(env.queue("never"));
        Env.check(probe.receive(150) == null, "a message from nowhere");
        MessageConsumer consumer = session(env, "c").createDurableSubscriber(topic, "s");
        Env.expectNumbers(consumer, 0, 1);
        Env.none(consumer);
        Env.equal("x", Env.text(dead), "the dead letter");
    }

    private static void poison(Env env) throws Exception {
        Topic topic = env.topic("t");
        Session session = connect(env, "c", FAST, "jms.redeliveryPolicy.maximumRedeliveries=1").createSession(true, Session.SESSION_TRANSACTED);
        MessageConsumer consumer = session.createDurableSubscriber(topic, "s");
        MessageConsumer other = session(env, "d").createDurableSubscriber(topic, "s");
        Session plain = env.session();
        MessageConsumer dead = plain.createConsumer(new ActiveMQQueue("ActiveMQ.DLQ"), "dlqDeliveryFailureCause LIKE '%redeliver%'");
        Env.sendNumbers(plain, topic, 0, 2);
        for (int attempt = 0; attempt < 2; attempt++) {
            Env.expectNumbers(consumer, 0, 1);
            session.rollback();
        }
        Env.expectNumbers(consumer, 1, 2);
        session.commit();
        Env.equal("0", Env.text(dead), "the dead letter");
        Env.expectNumbers(other, 0, 2);
    }

    /** What a durable subscriber consumes and what is sent for it happen together. */
    private static void inTransaction(Env env) throws Exception {
        Topic topic = env.topic("t");
        Session session = connect(env, "c", FAST).createSession(true, Session.SESSION_TRANSACTED);
        MessageConsumer consumer = session.createDurableSubscriber(topic, "s");
        MessageConsumer check = env.session().createConsumer(env.queue("out"));
        Env.sendNumbers(env.session(), topic, 0, 4);
        Env.expectNumbers(consumer, 0, 2);
        Env.sendNumbers(session, env.queue("out"), 50, 52);
        session.rollback();
        Env.none(check);
        Env.expectNumbers(consumer, 0, 3);
        Env.sendNumbers(session, env.queue("out"), 0, 2);
        session.commit();
        Env.expectNumbers(check, 0, 2);
        Env.expectNumbers(consumer, 3, 4);
    }

    /** A client that comes back while its old connection is about to end is not refused. */
    private static void atOnce(Env env) throws Exception {
        for (int i = 0; i < 20; i++) {
            ActiveMQConnection connection = connect(env, "c");
            connection.getTransport().stop();
        }
    }
}
