import java.util.ArrayList;
import java.util.List;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.Queue;
import javax.jms.Session;
import javax.jms.TextMessage;
import org.apache.activemq.ActiveMQConnection;
import org.apache.activemq.ActiveMQSession;

/** The acknowledge modes. */
final class AckCases {
    private static final String FAST = "jms.redeliveryPolicy.initialRedeliveryDelay=10";

    private AckCases() {
    }

    static void addTo(Suite suite) {
        suite.add("ack.auto", env -> consumeSome(env, Session.AUTO_ACKNOWLEDGE));
        suite.add("ack.auto.synchronous", AckCases::synchronous);
        suite.add("ack.dups.ok", env -> consumeSome(env, Session.DUPS_OK_ACKNOWLEDGE));
        suite.add("ack.optimized", AckCases::optimized);
        suite.add("ack.client", AckCases::client);
        suite.add("ack.client.recover", AckCases::recover);
        suite.add("ack.client.recover.twice", AckCases::recoverTwice);
        suite.add("ack.individual", AckCases::individual);
        suite.add("ack.individual.out.of.order", AckCases::outOfOrder);
    }

    /** What was received before a close is gone, the rest is there. */
    private static void consumeSome(Env env, int mode) throws Exception {
        Queue queue = env.queue("q");
        Env.sendNumbers(env.session(), queue, 0, 100);
        ActiveMQConnection connection = env.connect();
        Env.expectNumbers(connection.createSession(false, mode).createConsumer(queue), 0, 60);
        connection.close();
        MessageConsumer consumer = env.session().createConsumer(queue);
        Env.expectNumbers(consumer, 60, 100);
        Env.none(consumer);
    }

    private static void synchronous(Env env) throws Exception {
        Queue queue = env.queue("q");
        Env.sendNumbers(env.session(), queue, 0, 20);
        ActiveMQConnection connection = env.connect("jms.sendAcksAsync=false");
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Env.expectNumbers(session.createConsumer(queue), 0, 10);
        connection.getTransport().stop(); // the acknowledgements were confirmed before
        MessageConsumer consumer = env.session().createConsumer(queue);
        Env.expectNumbers(consumer, 10, 20);
        Env.none(consumer);
    }

    private static void optimized(Env env) throws Exception {
        Queue queue = env.queue("q");
        Env.sendNumbers(env.session(), queue, 0, 300);
        ActiveMQConnection connection = env.connect("jms.optimizeAcknowledge=true", "jms.prefetchPolicy.all=50");
        Env.expectNumbers(connection.createSession(false, Session.AUTO_ACKNOWLEDGE).createConsumer(queue), 0, 230);
        connection.close();
        Env.expectNumbers(env.session().createConsumer(queue), 230, 300);
    }

    /** One acknowledge() covers all that the session had received. */
    private static void client(Env env) throws Exception {
        Queue queue = env.queue("q");
        Env.sendNumbers(env.session(), queue, 0, 10);
        Session session = env.connect().createSession(false, Session.CLIENT_ACKNOWLEDGE);
        MessageConsumer consumer = session.createConsumer(queue);
        Message fourth = null;
        for (int i = 0; i < 4; i++) {
            fourth = Env.receive(consumer);
        }
        fourth.acknowledge();
        Env.expectNumbers(consumer, 4, 6);
        session.close();
        consumer = env.session().createConsumer(queue);
        Env.expectNumbers(consumer, 4, 10);
        Env.none(consumer);
    }

    private static void recover(Env env) throws Exception {
        Queue queue = env.queue("q");
        Env.sendNumbers(env.session(), queue, 0, 6);
        Session session = env.connect(FAST).createSession(false, Session.CLIENT_ACKNOWLEDGE);
        MessageConsumer consumer = session.createConsumer(queue);
        Env.receive(consumer).acknowledge();
        Env.expectNumbers(consumer, 1, 4);
        session.recover();
        Message last = null;
        for (int i = 1; i < 6; i++) {
            last = Env.receive(consumer);
            Env.equal(Integer.toString(i), ((TextMessage) last).getText(), "text");
            Env.equal(i < 4, last.getJMSRedelivered(), "redelivered " + i);
            Env.equal(i < 4 ? 2 : 1, last.getIntProperty("JMSXDeliveryCount"), "JMSXDeliveryCount " + i);
        }
        last.acknowledge();
        session.close();
        Env.none(env.session().createConsumer(queue));
    }

    private static void recoverTwice(Env env) throws Exception {
        Queue queue = env.queue("q");
        Env.sendNumbers(env.session(), queue, 0, 2);
        Session session = env.connect(FAST).createSession(false, Session.CLIENT_ACKNOWLEDGE);
        MessageConsumer consumer = session.createConsumer(queue);
        for (int round = 1; round <= 3; round++) {
            Message first = Env.receive(consumer);
            Env.equal(round, first.getIntProperty("JMSXDeliveryCount"), "JMSXDeliveryCount");
            Env.expectNumbers(consumer, 1, 2);
            session.recover();
        }
    }

    private static void individual(Env env) throws Exception {
        Queue queue = env.queue("q");
        Env.sendNumbers(env.session(), queue, 0, 10);
        Session session = env.connect().createSession(false, ActiveMQSession.INDIVIDUAL_ACKNOWLEDGE);
        MessageConsumer consumer = session.createConsumer(queue);
        for (int i = 0; i < 10; i++) {
            Message got = Env.receive(consumer);
            if (i % 3 == 0) {
                got.acknowledge();
            }
        }
        session.close();
        MessageConsumer other = env.session().createConsumer(queue);
        for (int i : new int[] {1, 2, 4, 5, 7, 8}) {
            Message got = Env.receive(other);
            // JMSRedelivered is not looked at: the client reports no last delivered message in this mode
            Env.equal(Integer.toString(i), ((TextMessage) got).getText(), "text");
        }
        Env.none(other);
    }

    private static void outOfOrder(Env env) throws Exception {
        Queue queue = env.queue("q");
        Env.sendNumbers(env.session(), queue, 0, 50);
        Session session = env.connect("jms.prefetchPolicy.all=10").createSession(false, ActiveMQSession.INDIVIDUAL_ACKNOWLEDGE);
        MessageConsumer consumer = session.createConsumer(queue);
        List<Message> held = new ArrayList<>();
        for (int i = 0; i < 50; i++) {
            held.add(Env.receive(consumer));
            if (held.size() == 10) { // last one first: each ack makes room for one more
                for (int k = 9; k >= 0; k--) {
                    held.get(k).acknowledge();
                }
                held.clear();
            }
        }
        session.close();
        Env.none(env.session().createConsumer(queue));
    }
}
