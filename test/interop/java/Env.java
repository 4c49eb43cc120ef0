import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import javax.jms.Connection;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Queue;
import javax.jms.Session;
import javax.jms.TextMessage;
import javax.jms.Topic;
import org.apache.activemq.ActiveMQConnection;
import org.apache.activemq.ActiveMQConnectionFactory;
import org.apache.activemq.ActiveMQXAConnection;
import org.apache.activemq.ActiveMQXAConnectionFactory;
import org.apache.activemq.command.ActiveMQQueue;
import org.apache.activemq.command.ActiveMQTopic;

/**
 * What one case needs: connections that are closed after it, destinations of
 * its own, and checks that say what they found.
 */
final class Env {
    /** How long to wait for a message that has to come, ms. */
    static final long SOON = 10_000;
    /** How long to wait for a message that must not come, ms. */
    static final long NEVER = 250;

    private static int serial;

    private final String url;
    private final String prefix;
    private final List<Connection> open = new ArrayList<>();

    Env(String url, String caseName) {
        this.url = url;
        this.prefix = "IT." + caseName + "." + System.currentTimeMillis() + "." + serial++;
    }

    /** A factory whose URL has further options such as "jms.useCompression=true". */
    ActiveMQConnectionFactory factory(String... options) {
        StringBuilder uri = new StringBuilder(url);
        for (String option : options) {
            uri.append(uri.indexOf("?") < 0 ? '?' : '&').append(option);
        }
        ActiveMQConnectionFactory factory = new ActiveMQConnectionFactory(uri.toString());
        factory.setTrustAllPackages(true);
        return factory;
    }

    /** A started connection. */
    ActiveMQConnection connect(String... options) throws JMSException {
        return start(factory(options), null);
    }

    ActiveMQConnection start(ActiveMQConnectionFactory factory, String clientID) throws JMSException {
        ActiveMQConnection connection = (ActiveMQConnection) factory.createConnection();
        synchronized (open) {
            open.add(connection);
        }
        if (clientID != null) {
            connection.setClientID(clientID);
        }
        connection.start();
        return connection;
    }

    /** A started connection for branches of distributed transactions. */
    ActiveMQXAConnection startXA(String clientID, String... options) throws JMSException {
        ActiveMQXAConnectionFactory factory = new ActiveMQXAConnectionFactory(this.factory(options).getBrokerURL());
        ActiveMQXAConnection connection = (ActiveMQXAConnection) factory.createXAConnection();
        synchronized (open) {
            open.add(connection);
        }
        if (clientID != null) {
            connection.setClientID(clientID);
        }
        connection.start();
        return connection;
    }

    Session session(String... options) throws JMSException {
        return connect(options).createSession(false, Session.AUTO_ACKNOWLEDGE);
    }

    String name(String suffix) {
        return prefix + "." + suffix;
    }

    Queue queue(String suffix) {
        return new ActiveMQQueue(name(suffix));
    }

    Topic topic(String suffix) {
        return new ActiveMQTopic(name(suffix));
    }

    /** Sends persistent text messages "0", "1", … and returns their JMSMessageIDs. */
    static List<String> sendNumbers(Session session, javax.jms.Destination to, int from, int until) throws JMSException {
        MessageProducer producer = session.createProducer(to);
        List<String> ids = new ArrayList<>();
        for (int i = from; i < until; i++) {
            TextMessage message = session.createTextMessage(Integer.toString(i));
            producer.send(message);
            ids.add(message.getJMSMessageID());
        }
        producer.close();
        return ids;
    }

    static Message receive(MessageConsumer consumer) throws JMSException {
        Message message = consumer.receive(SOON);
        check(message != null, "no message within " + SOON + " ms");
        return message;
    }

    static String text(MessageConsumer consumer) throws JMSException {
        return ((TextMessage) receive(consumer)).getText();
    }

    /** Receives texts that have to be the numbers from…until in order. */
    static void expectNumbers(MessageConsumer consumer, int from, int until) throws JMSException {
        for (int i = from; i < until; i++) {
            Message message = consumer.receive(SOON);
            check(message != null, "no message within " + SOON + " ms, waiting for " + i);
            equal(Integer.toString(i), ((TextMessage) message).getText(), "text");
        }
    }

    static void none(MessageConsumer consumer) throws JMSException {
        Message message = consumer.receive(NEVER);
        check(message == null, "unexpected message " + message);
    }

    static void check(boolean ok, String what) {
        if (!ok) {
            throw new AssertionError(what);
        }
    }

    static void equal(Object want, Object got, String what) {
        if (!Objects.deepEquals(want, got)) {
            throw new AssertionError(what + ": want " + shown(want) + ", got " + shown(got));
        }
    }

    private static String shown(Object o) {
        String s = o instanceof byte[] b ? java.util.Arrays.toString(b) : String.valueOf(o);
        return (o == null ? "" : o.getClass().getSimpleName() + " ") + (s.length() > 200 ? s.substring(0, 200) + "…" : s);
    }

    static <E extends Exception> E expect(Class<E> kind, Callable<?> action) throws Exception {
        try {
            action.call();
        } catch (Exception e) {
            if (kind.isInstance(e)) {
                return kind.cast(e);
            }
            throw e;
        }
        throw new AssertionError("no " + kind.getSimpleName());
    }

    /** Like {@link #expect}, where nothing but a JMSException may be thrown. */
    static <E extends JMSException> void expectJMS(Class<E> kind, Callable<?> action) throws JMSException {
        try {
            expect(kind, action);
        } catch (JMSException e) {
            throw e;
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    /** Asks until the condition holds. */
    static void await(String what, Callable<Boolean> condition) throws Exception {
        long deadline = System.currentTimeMillis() + SOON;
        while (!condition.call()) {
            check(System.currentTimeMillis() < deadline, "not within " + SOON + " ms: " + what);
            Thread.sleep(10);
        }
    }

    void close() {
        synchronized (open) {
            for (Connection connection : open) {
                Thread closer = new Thread(() -> {
                    try {
                        connection.close();
                    } catch (JMSException e) {
                        // the case has failed or closed it already
                    }
                });
                closer.setDaemon(true);
                closer.start();
                try {
                    closer.join(5_000);
                } catch (InterruptedException e) {
                    return;
                }
            }
        }
    }
}
