import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.Queue;
import javax.jms.Session;
import javax.jms.TextMessage;
import javax.jms.Topic;
import org.apache.activemq.ActiveMQConnection;

/** Local transactions. */
final class TransactionCases {
    private static final String FAST = "jms.redeliveryPolicy.initialRedeliveryDelay=10";

    private TransactionCases() {
    }

    static void addTo(Suite suite) {
        suite.add("tx.commit", TransactionCases::commit);
        suite.add("tx.rollback.producer", TransactionCases::rollbackProducer);
        suite.add("tx.rollback.consumer", TransactionCases::rollbackConsumer);
        suite.add("tx.consume.and.produce", TransactionCases::consumeAndProduce);
        suite.add("tx.close.rolls.back", env -> close(env, false));
        suite.add("tx.socket.close.rolls.back", env -> close(env, true));
        suite.add("tx.across.destinations", TransactionCases::across);
        suite.add("tx.large", env -> large(env, 150));
        // ActiveMQ pages 200 messages in and then waits for an acknowledgement, which only a commit sends
        suite.addBetter("tx.larger.than.a.page", env -> large(env, 2000));
        suite.add("tx.nonpersistent", TransactionCases::nonPersistent);
        suite.add("tx.interleaved", TransactionCases::interleaved);
        suite.add("tx.empty", TransactionCases::empty);
        suite.add("tx.two.consumers", TransactionCases::twoConsumers);
    }

    private static Session transacted(Env env) throws Exception {
        return env.connect(FAST).createSession(true, Session.SESSION_TRANSACTED);
    }

    private static void commit(Env env) throws Exception {
        Queue queue = env.queue("q");
        MessageConsumer consumer = env.session().createConsumer(queue);
        Session session = transacted(env);
        for (int round = 0; round < 3; round++) {
            Env.sendNumbers(session, queue, 10 * round, 10 * round + 10);
            Env.none(consumer);
            session.commit();
            Env.expectNumbers(consumer, 10 * round, 10 * round + 10);
        }
    }

    private static void rollbackProducer(Env env) throws Exception {
        Queue queue = env.queue("q");
        MessageConsumer consumer = env.session().createConsumer(queue);
        Session session = transacted(env);
        Env.sendNumbers(session, queue, 0, 10);
        session.rollback();
        Env.none(consumer);
        Env.sendNumbers(session, queue, 10, 12);
        session.commit();
        Env.expectNumbers(consumer, 10, 12);
        Env.none(consumer);
    }

    private static void rollbackConsumer(Env env) throws Exception {
        Queue queue = env.queue("q");
        Env.sendNumbers(env.session(), queue, 0, 5);
        Session session = transacted(env);
        MessageConsumer consumer = session.createConsumer(queue);
        for (int attempt = 1; attempt <= 4; attempt++) {
            for (int i = 0; i < 3; i++) {
                Message got = Env.receive(consumer);
                Env.equal(Integer.toString(i), ((TextMessage) got).getText(), "text");
                Env.equal(attempt > 1, got.getJMSRedelivered(), "redelivered");
                Env.equal(attempt, got.getIntProperty("JMSXDeliveryCount"), "JMSXDeliveryCount");
            }
            if (attempt < 4) {
                session.rollback();
            } else {
                session.commit();
            }
        }
        Env.expectNumbers(consumer, 3, 5);
        session.commit();
        session.close();
        Env.none(env.session().createConsumer(queue));
    }

    private static void consumeAndProduce(Env env) throws Exception {
        Queue in = env.queue("in");
        Queue out = env.queue("out");
        Env.sendNumbers(env.session(), in, 0, 4);
        Session session = transacted(env);
        MessageConsumer consumer = session.createConsumer(in);
        MessageConsumer check = env.session().createConsumer(out);
        Env.expectNumbers(consumer, 0, 2);
        Env.sendNumbers(session, out, 100, 102);
        session.rollback();
        Env.none(check);
        Env.expectNumbers(consumer, 0, 2);
        Env.sendNumbers(session, out, 200, 202);
        session.commit();
        Env.expectNumbers(check, 200, 202);
        Env.none(check);
        Env.expectNumbers(consumer, 2, 4);
    }

    /** What was neither committed nor rolled back is rolled back with the session or the connection. */
    private static void close(Env env, boolean abruptly) throws Exception {
        Queue in = env.queue("in");
        Queue out = env.queue("out");
        Env.sendNumbers(env.session(), in, 0, 3);
        ActiveMQConnection connection = env.connect();
        Session session = connection.createSession(true, Session.SESSION_TRANSACTED);
        Env.expectNumbers(session.createConsumer(in), 0, 2);
        Env.sendNumbers(session, out, 0, 3);
        if (abruptly) {
            connection.getTransport().stop();
        } else {
            session.close();
        }
        Session other = env.session();
        Env.expectNumbers(other.createConsumer(in), 0, 3);
        Env.none(other.createConsumer(out));
    }

    private static void across(Env env) throws Exception {
        Queue queue = env.queue("q");
        Topic topic = env.topic("t");
        MessageConsumer fromQueue = env.session().createConsumer(queue);
        MessageConsumer fromTopic = env.session().createConsumer(topic);
        Session session = transacted(env);
        for (int i = 0; i < 5; i++) {
            Env.sendNumbers(session, queue, i, i + 1);
            Env.sendNumbers(session, topic, i, i + 1);
        }
        Env.none(fromQueue);
        Env.none(fromTopic);
        session.commit();
        Env.expectNumbers(fromQueue, 0, 5);
        Env.expectNumbers(fromTopic, 0, 5);
    }

    private static void large(Env env, int each) throws Exception {
        Queue queue = env.queue("q");
        Session producer = transacted(env);
        Env.sendNumbers(producer, queue, 0, 2000);
        producer.commit();
        Session session = transacted(env);
        MessageConsumer consumer = session.createConsumer(queue);
        for (int from = 0; from < 2000; from += each) {
            Env.expectNumbers(consumer, from, Math.min(from + each, 2000));
            session.commit();
        }
        session.close();
        Env.none(env.session().createConsumer(queue));
    }

    private static void nonPersistent(Env env) throws Exception {
        Queue queue = env.queue("q");
        MessageConsumer consumer = env.session().createConsumer(queue);
        Session session = transacted(env);
        javax.jms.MessageProducer producer = session.createProducer(queue);
        producer.setDeliveryMode(javax.jms.DeliveryMode.NON_PERSISTENT);
        producer.send(session.createTextMessage("0"));
        Env.none(consumer);
        session.rollback();
        producer.send(session.createTextMessage("1"));
        session.commit();
        Env.expectNumbers(consumer, 1, 2);
    }

    /** Two open transactions: the order is that of the commits. */
    private static void interleaved(Env env) throws Exception {
        Queue queue = env.queue("q");
        Session one = transacted(env);
        Session two = transacted(env);
        Env.sendNumbers(one, queue, 2, 4);
        Env.sendNumbers(two, queue, 0, 2);
        Env.sendNumbers(one, queue, 4, 6);
        two.commit();
        one.commit();
        Env.expectNumbers(env.session().createConsumer(queue), 0, 6);
    }

    private static void empty(Env env) throws Exception {
        Session session = transacted(env);
        session.commit();
        session.rollback();
        session.commit();
    }

    private static void twoConsumers(Env env) throws Exception {
        Queue a = env.queue("a");
        Queue b = env.queue("b");
        Env.sendNumbers(env.session(), a, 0, 2);
        Env.sendNumbers(env.session(), b, 10, 12);
        Session session = transacted(env);
        MessageConsumer fromA = session.createConsumer(a);
        MessageConsumer fromB = session.createConsumer(b);
        Env.expectNumbers(fromA, 0, 2);
        Env.expectNumbers(fromB, 10, 12);
        session.rollback();
        Env.expectNumbers(fromA, 0, 2);
        Env.expectNumbers(fromB, 10, 12);
        session.commit();
        Env.none(fromA);
    }
}
