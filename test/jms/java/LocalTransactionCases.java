import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Queue;
import javax.jms.Session;
import javax.jms.TemporaryQueue;
import javax.jms.TextMessage;
import javax.jms.Topic;
import javax.jms.TransactionRolledBackException;
import org.apache.activemq.ActiveMQConnection;
import org.apache.activemq.ActiveMQSession;
import org.apache.activemq.command.LocalTransactionId;
import org.apache.activemq.command.TransactionInfo;

/** Local transactions beyond the first form of TransactionCases. */
final class LocalTransactionCases {
    private static final String FAST = "jms.redeliveryPolicy.initialRedeliveryDelay=10";

    private LocalTransactionCases() {
    }

    static void addTo(Suite suite) {
        suite.add("local.everything.together", LocalTransactionCases::together);
        suite.addBetter("local.prefetch.one", env -> prefetch(env, 1));
        suite.add("local.prefetch.zero", env -> prefetch(env, 0));
        suite.add("local.rollback.order", LocalTransactionCases::order);
        suite.add("local.rollback.goes.to.another", LocalTransactionCases::another);
        suite.add("local.consumer.closed", LocalTransactionCases::consumerClosed);
        suite.add("local.connection.lost", LocalTransactionCases::lost);
        suite.add("local.unknown", LocalTransactionCases::unknown);
        suite.add("local.begun.twice", LocalTransactionCases::twice);
        suite.add("local.async.failure", env -> asyncFailure(env, JMSException.class));
        suite.addBetter("local.async.failure.rolls.back", env -> asyncFailure(env, TransactionRolledBackException.class));
        suite.add("local.large", LocalTransactionCases::large);
        suite.add("local.two.sessions.one.queue", LocalTransactionCases::twoSessions);
        suite.add("local.topic", LocalTransactionCases::topic);
        suite.add("local.composite", LocalTransactionCases::composite);
    }

    private static Session transacted(Env env, String... options) throws Exception {
        return env.connect(options).createSession(true, Session.SESSION_TRANSACTED);
    }

    /** Sends to a queue and a topic, acknowledgements of a queue and a durable subscriber. */
    private static void together(Env env) throws Exception {
        Queue in = env.queue("in");
        Topic news = env.topic("news");
        ActiveMQConnection connection = env.start(env.factory(FAST), env.name("c"));
        Session session = connection.createSession(true, Session.SESSION_TRANSACTED);
        MessageConsumer fromQueue = session.createConsumer(in);
        MessageConsumer fromTopic = session.createDurableSubscriber(news, "s");
        MessageConsumer outQueue = env.session().createConsumer(env.queue("out"));
        MessageConsumer outTopic = env.session().createConsumer(env.topic("out"));
        Env.sendNumbers(env.session(), in, 0, 4);
        Env.sendNumbers(env.session(), news, 10, 14);
        for (boolean commit : new boolean[] {false, true}) {
            Env.expectNumbers(fromQueue, 0, 2);
            Env.expectNumbers(fromTopic, 10, 12);
            Env.sendNumbers(session, env.queue("out"), 20, 22);
            Env.sendNumbers(session, env.topic("out"), 30, 32);
            if (commit) {
                session.commit();
            } else {
                session.rollback();
                Env.none(outQueue);
                Env.none(outTopic);
            }
        }
        Env.expectNumbers(outQueue, 20, 22);
        Env.expectNumbers(outTopic, 30, 32);
        connection.close();
        Env.expectNumbers(env.session().createConsumer(in), 2, 4);
        connection = env.start(env.factory(), env.name("c"));
        Env.expectNumbers(connection.createSession(false, Session.AUTO_ACKNOWLEDGE).createDurableSubscriber(news, "s"), 12, 14);
    }

    private static void prefetch(Env env, int prefetch) throws Exception {
        Queue queue = env.queue("q");
        Env.sendNumbers(env.session(), queue, 0, 30);
        Session session = transacted(env, "jms.prefetchPolicy.queuePrefetch=" + prefetch, FAST);
        MessageConsumer consumer = session.createConsumer(queue);
        Env.expectNumbers(consumer, 0, 10);
        session.rollback();
        Env.expectNumbers(consumer, 0, 15);
        session.commit();
        Env.expectNumbers(consumer, 15, 30);
        session.commit();
        Env.none(consumer);
    }

    /** What is rolled back comes first and in order; the counter says how often. */
    private static void order(Env env) throws Exception {
        Queue queue = env.queue("q");
        Session session = transacted(env, FAST);
        MessageConsumer consumer = session.createConsumer(queue);
        Env.sendNumbers(env.session(), queue, 0, 20);
        for (int round = 0; round < 4; round++) {
            for (int i = 0; i < 5 + round; i++) {
                Message got = Env.receive(consumer);
                Env.equal(Integer.toString(i), ((TextMessage) got).getText(), "text in round " + round);
                int count = i < 4 + round && round > 0 ? round + 1 - Math.max(0, i - 4) : 1;
                Env.equal(count, got.getIntProperty("JMSXDeliveryCount"), "delivery count of " + i + " in round " + round);
            }
            session.rollback();
        }
        Env.expectNumbers(consumer, 0, 20);
        session.commit();
    }

    private static void another(Env env) throws Exception {
        Queue queue = env.queue("q");
        Env.sendNumbers(env.session(), queue, 0, 5);
        ActiveMQConnection connection = env.connect();
        Session session = connection.createSession(true, Session.SESSION_TRANSACTED);
        MessageConsumer consumer = session.createConsumer(queue);
        Env.expectNumbers(consumer, 0, 3);
        session.rollback();
        connection.close();
        MessageConsumer other = env.session().createConsumer(queue);
        for (int i = 0; i < 5; i++) {
            Message got = Env.receive(other);
            Env.equal(Integer.toString(i), ((TextMessage) got).getText(), "text");
            Env.equal(i < 3, got.getJMSRedelivered(), "redelivered " + i);
        }
    }

    /** The acknowledgements of a consumer that is closed stay in the transaction. */
    private static void consumerClosed(Env env) throws Exception {
        Queue queue = env.queue("q");
        Env.sendNumbers(env.session(), queue, 0, 4);
        Session session = transacted(env, FAST);
        for (boolean commit : new boolean[] {false, true}) {
            MessageConsumer consumer = session.createConsumer(queue);
            Env.expectNumbers(consumer, 0, 2);
            consumer.close();
            if (commit) {
                session.commit();
            } else {
                session.rollback();
            }
        }
        Env.expectNumbers(env.session().createConsumer(queue), 2, 4);
    }

    private static void lost(Env env) throws Exception {
        Queue in = env.queue("in");
        Env.sendNumbers(env.session(), in, 0, 3);
        for (int i = 0; i < 3; i++) {
            ActiveMQConnection connection = env.connect();
            Session session = connection.createSession(true, Session.SESSION_TRANSACTED);
            Env.expectNumbers(session.createConsumer(in), 0, 3);
            Env.sendNumbers(session, env.queue("out"), 0, 3);
            connection.getTransport().stop();
        }
        MessageConsumer consumer = env.session().createConsumer(in);
        for (int i = 0; i < 3; i++) {
            Message got = Env.receive(consumer);
            Env.equal(4, got.getIntProperty("JMSXDeliveryCount"), "JMSXDeliveryCount");
        }
        Env.none(env.session().createConsumer(env.queue("out")));
    }

    private static TransactionInfo info(ActiveMQConnection connection, long number, byte type) {
        return new TransactionInfo(connection.getConnectionInfo().getConnectionId(),
            new LocalTransactionId(connection.getConnectionInfo().getConnectionId(), number), type);
    }

    private static void unknown(Env env) throws Exception {
        ActiveMQConnection connection = env.connect();
        for (byte type : new byte[] {TransactionInfo.COMMIT_ONE_PHASE, TransactionInfo.ROLLBACK}) {
            TransactionInfo info = info(connection, 77, type);
            JMSException e = Env.expect(JMSException.class, () -> connection.syncSendPacket(info));
            Env.equal("Transaction '" + info.getTransactionId() + "' has not been started.", e.getMessage(), "message");
        }
        Env.sendNumbers(connection.createSession(false, Session.AUTO_ACKNOWLEDGE), env.queue("q"), 0, 1);
    }

    private static void twice(Env env) throws Exception {
        ActiveMQConnection connection = env.connect();
        connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        connection.syncSendPacket(info(connection, 78, TransactionInfo.BEGIN));
        connection.syncSendPacket(info(connection, 78, TransactionInfo.BEGIN));
        connection.syncSendPacket(info(connection, 78, TransactionInfo.COMMIT_ONE_PHASE));
    }

    /** A send failed that the client did not wait for: nothing of the transaction happens. */
    private static void asyncFailure(Env env, Class<? extends JMSException> kind) throws Exception {
        ActiveMQConnection owner = env.connect();
        TemporaryQueue gone = owner.createSession(false, Session.AUTO_ACKNOWLEDGE).createTemporaryQueue();
        ActiveMQConnection connection = env.connect("jms.watchTopicAdvisories=false");
        Session session = connection.createSession(true, Session.SESSION_TRANSACTED);
        MessageProducer toGone = session.createProducer(null);
        gone.delete();
        Env.sendNumbers(session, env.queue("q"), 0, 1);
        toGone.send(gone, session.createTextMessage("lost"));
        Env.expect(kind, () -> {
            session.commit();
            return null;
        });
        MessageConsumer check = env.session().createConsumer(env.queue("q"));
        Env.none(check);
        Env.sendNumbers(session, env.queue("q"), 1, 2);
        session.commit();
        Env.expectNumbers(check, 1, 2);
    }

    private static void large(Env env) throws Exception {
        Queue queue = env.queue("q");
        Session session = transacted(env);
        Env.sendNumbers(session, queue, 0, 5000);
        session.commit();
        MessageConsumer consumer = env.session().createConsumer(queue);
        Env.expectNumbers(consumer, 0, 5000);
    }

    private static void twoSessions(Env env) throws Exception {
        Queue queue = env.queue("q");
        Env.sendNumbers(env.session(), queue, 0, 6);
        ActiveMQConnection connection = env.connect("jms.prefetchPolicy.queuePrefetch=1", FAST);
        Session one = connection.createSession(true, Session.SESSION_TRANSACTED);
        Session two = connection.createSession(true, Session.SESSION_TRANSACTED);
        MessageConsumer a = one.createConsumer(queue);
        MessageConsumer b = two.createConsumer(queue);
        Message first = Env.receive(a);
        Message second = Env.receive(b);
        one.rollback();
        two.commit();
        Env.equal(((TextMessage) first).getText(), Env.text(a), "text after the rollback");
        one.commit();
        one.close();
        Env.check(!((TextMessage) second).getText().equals(((TextMessage) first).getText()), "two got the same");
        for (int i = 0; i < 4; i++) {
            Env.receive(b);
        }
        two.commit();
        Env.none(b);
    }

    private static void topic(Env env) throws Exception {
        Topic topic = env.topic("t");
        Session session = transacted(env, FAST);
        MessageConsumer consumer = session.createConsumer(topic);
        Env.sendNumbers(env.session(), topic, 0, 3);
        Env.expectNumbers(consumer, 0, 2);
        session.rollback();
        Env.expectNumbers(consumer, 0, 3);
        session.commit();
        Env.none(consumer);
    }

    private static void composite(Env env) throws Exception {
        Session session = transacted(env);
        MessageConsumer a = env.session().createConsumer(env.queue("a"));
        MessageConsumer b = env.session().createConsumer(env.topic("b"));
        Queue both = new org.apache.activemq.command.ActiveMQQueue(env.name("a") + ",topic://" + env.name("b"));
        Env.sendNumbers(session, both, 0, 3);
        Env.none(a);
        session.rollback();
        Env.sendNumbers(session, both, 3, 5);
        session.commit();
        Env.expectNumbers(a, 3, 5);
        Env.expectNumbers(b, 3, 5);
    }
}
