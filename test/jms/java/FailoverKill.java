import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import javax.jms.Connection;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Queue;
import javax.jms.Session;
import javax.jms.TextMessage;
import javax.jms.Topic;
import javax.jms.TransactionRolledBackException;
import org.apache.activemq.ActiveMQConnectionFactory;
import org.apache.activemq.ActiveMQSession;
import org.apache.activemq.command.ActiveMQQueue;
import org.apache.activemq.command.ActiveMQTopic;

/**
 * Local transactions that are open while their master is killed, one at a time.
 * Prints KILL where that is to happen, and goes on with the next line that it
 * reads. Argument: the URL. Prints BAD for what is wrong, and DONE.
 */
public final class FailoverKill {
    private static final BufferedReader IN = new BufferedReader(new InputStreamReader(System.in));

    private final String url;
    private final String name;
    private final Queue queue;

    private FailoverKill(String url, String name) {
        this.url = url;
        this.name = name;
        this.queue = new ActiveMQQueue("FAILOVER." + name);
    }

    private interface Body {
        void run(FailoverKill f) throws Exception;
    }

    public static void main(String[] args) throws Exception {
        run(args[0], "sends", FailoverKill::sends);
        run(args[0], "producers", FailoverKill::producers);
        run(args[0], "consumed", FailoverKill::consumed);
        run(args[0], "both", FailoverKill::both);
        run(args[0], "durable", FailoverKill::durable);
        run(args[0], "inHand", FailoverKill::inHand);
        System.out.println("DONE");
        System.exit(0);
    }

    private static void run(String url, String name, Body body) {
        try {
            body.run(new FailoverKill(url, name));
        } catch (Exception | AssertionError e) {
            System.out.println("BAD " + name + ": " + e + " at " + e.getStackTrace()[0]);
            for (StackTraceElement at : e.getStackTrace()) {
                System.out.println("  " + at);
            }
        }
    }

    private void kill() throws IOException {
        System.out.println("KILL " + name);
        IN.readLine();
    }

    private Connection connect(String clientID) throws JMSException {
        Connection connection = new ActiveMQConnectionFactory(url).createConnection();
        if (clientID != null) {
            connection.setClientID(clientID);
        }
        connection.start();
        return connection;
    }

    private Session transacted(Connection connection) throws JMSException {
        return connection.createSession(true, Session.SESSION_TRANSACTED);
    }

    /** Sends of a session that has a consumer, too, who had nothing: they are committed. */
    private void sends() throws Exception {
        Connection connection = connect(null);
        Session session = transacted(connection);
        MessageConsumer consumer = session.createConsumer(queue);
        Env.sendNumbers(session, queue, 0, 3);
        kill();
        session.commit();
        Env.expectNumbers(consumer, 0, 3);
        session.commit();
        connection.close();
    }

    /** Several producers, some of them closed before the commit. */
    private void producers() throws Exception {
        Connection connection = connect(null);
        Session session = transacted(connection);
        MessageProducer stays = session.createProducer(queue);
        Env.sendNumbers(session, queue, 0, 2);
        stays.send(session.createTextMessage("2"));
        Env.sendNumbers(session, queue, 3, 4);
        kill();
        stays.send(session.createTextMessage("4"));
        session.commit();
        Env.expectNumbers(session.createConsumer(queue), 0, 5);
        session.commit();
        connection.close();
    }

    /** What was consumed before is rolled back, and comes again. */
    private void consumed() throws Exception {
        Connection connection = connect(null);
        Env.sendNumbers(connection.createSession(false, Session.AUTO_ACKNOWLEDGE), queue, 0, 3);
        Session session = transacted(connection);
        MessageConsumer consumer = session.createConsumer(queue);
        Env.expectNumbers(consumer, 0, 2);
        kill();
        rolledBack(session);
        again(consumer, 2, 3);
        session.commit();
        connection.close();
    }

    private void again(MessageConsumer consumer, int flagged, int until) throws Exception {
        for (int i = 0; i < until; i++) {
            Message got = Env.receive(consumer);
            Env.equal(Integer.toString(i), ((TextMessage) got).getText(), "text");
            if (i < flagged) {
                Env.equal(true, got.getJMSRedelivered(), "redelivered");
            }
        }
    }

    private void rolledBack(Session session) throws Exception {
        Env.expect(TransactionRolledBackException.class, () -> {
            session.commit();
            return null;
        });
    }

    /** What was consumed and what was sent for it. */
    private void both() throws Exception {
        Queue out = new ActiveMQQueue("FAILOVER.out");
        Connection connection = connect(null);
        Env.sendNumbers(connection.createSession(false, Session.AUTO_ACKNOWLEDGE), queue, 0, 2);
        Session session = transacted(connection);
        MessageConsumer consumer = session.createConsumer(queue);
        Env.expectNumbers(consumer, 0, 2);
        Env.sendNumbers(session, out, 10, 12);
        kill();
        rolledBack(session);
        again(consumer, 2, 2);
        Env.sendNumbers(session, out, 0, 2);
        session.commit();
        MessageConsumer check = session.createConsumer(out);
        Env.expectNumbers(check, 0, 2);
        Env.none(check);
        Env.none(consumer);
        session.commit();
        connection.close();
    }

    private void durable() throws Exception {
        Topic topic = new ActiveMQTopic("FAILOVER.topic");
        Connection connection = connect("failover");
        Session session = transacted(connection);
        MessageConsumer consumer = session.createDurableSubscriber(topic, "s");
        Env.sendNumbers(connection.createSession(false, Session.AUTO_ACKNOWLEDGE), topic, 0, 3);
        Env.expectNumbers(consumer, 0, 2);
        kill();
        rolledBack(session);
        again(consumer, 2, 3);
        session.commit();
        connection.close();
        connection = connect("failover");
        Env.none(connection.createSession(false, Session.AUTO_ACKNOWLEDGE).createDurableSubscriber(topic, "s"));
        connection.close();
    }

    /** What the application has in hand is its own to acknowledge; what it does not is another's. */
    private void inHand() throws Exception {
        Connection connection = connect(null);
        Env.sendNumbers(connection.createSession(false, Session.AUTO_ACKNOWLEDGE), queue, 0, 3);
        Session session = connection.createSession(false, ActiveMQSession.INDIVIDUAL_ACKNOWLEDGE);
        MessageConsumer consumer = session.createConsumer(queue);
        Message first = Env.receive(consumer);
        Env.receive(consumer);
        kill();
        Message third = Env.receive(consumer);
        Env.equal("2", ((TextMessage) third).getText(), "what it has not had");
        first.acknowledge();
        third.acknowledge();
        connection.close();
        connection = connect(null);
        session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        consumer = session.createConsumer(queue);
        Message second = Env.receive(consumer);
        Env.equal("1", ((TextMessage) second).getText(), "what was not acknowledged");
        Env.equal(true, second.getJMSRedelivered(), "redelivered");
        Env.none(consumer);
        Env.none(session.createConsumer(new ActiveMQQueue("ActiveMQ.DLQ")));
        connection.close();
    }
}
