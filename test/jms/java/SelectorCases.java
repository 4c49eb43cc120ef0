import java.util.List;
import javax.jms.DeliveryMode;
import javax.jms.InvalidSelectorException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Queue;
import javax.jms.QueueBrowser;
import javax.jms.Session;
import javax.jms.TextMessage;
import javax.jms.Topic;
import org.apache.activemq.ActiveMQConnection;
import org.apache.activemq.command.ActiveMQQueue;

/** Selectors as a client meets them; what they mean is a table of message/selector. */
final class SelectorCases {
    private SelectorCases() {
    }

    private static final List<String> INVALID = List.of("a =", "a == 1", "a = 'open", "(a = 1", "AND", "a IN ()",
        "a BETWEEN 1", "a LIKE 5", "a IS", "a LIKE 'x' ESCAPE 'yz'", "5", "a = 1 b", "NOT", "a > 'x'");

    static void addTo(Suite suite) {
        suite.add("selector.invalid.queue", env -> invalid(env, env.queue("q")));
        suite.add("selector.invalid.topic", env -> invalid(env, env.topic("t")));
        suite.add("selector.invalid.durable", SelectorCases::invalidDurable);
        suite.add("selector.invalid.browser", SelectorCases::invalidBrowser);
        suite.add("selector.invalid.leaves.connection", SelectorCases::leavesConnection);
        suite.add("selector.headers", SelectorCases::headers);
        suite.add("selector.null.properties", SelectorCases::nulls);
        suite.add("selector.convert.strings", SelectorCases::convert);
        suite.add("selector.browser", SelectorCases::browser);
        suite.add("selector.two.consumers", SelectorCases::twoConsumers);
        suite.add("selector.destination.option", SelectorCases::option);
        suite.add("selector.durable.change", SelectorCases::durableChange);
        suite.add("selector.message.id", SelectorCases::messageID);
        suite.add("selector.redelivery.count", SelectorCases::redelivery);
        suite.add("selector.empty", SelectorCases::empty);
    }

    private static void invalid(Env env, javax.jms.Destination destination) throws Exception {
        Session session = env.session();
        for (String selector : INVALID) {
            try {
                Env.expect(InvalidSelectorException.class, () -> session.createConsumer(destination, selector));
            } catch (AssertionError e) {
                throw new AssertionError(selector, e);
            }
        }
    }

    private static void invalidDurable(Env env) throws Exception {
        Session session = env.start(env.factory(), env.name("c")).createSession(false, Session.AUTO_ACKNOWLEDGE);
        Topic topic = env.topic("t");
        Env.expect(InvalidSelectorException.class, () -> session.createDurableSubscriber(topic, "s", "a =", false));
        session.createDurableSubscriber(topic, "s", "a = 1", false).close();
        session.unsubscribe("s");
    }

    private static void invalidBrowser(Env env) throws Exception {
        Session session = env.session();
        Env.expect(InvalidSelectorException.class, () -> session.createBrowser(env.queue("q"), "a =").getEnumeration());
    }

    private static void leavesConnection(Env env) throws Exception {
        Session session = env.session();
        Queue queue = env.queue("q");
        MessageConsumer good = session.createConsumer(queue, "a = 1");
        Env.expect(InvalidSelectorException.class, () -> session.createConsumer(queue, "a = "));
        send(session, queue, "a", 1);
        Env.receive(good);
    }

    private static void send(Session session, javax.jms.Destination to, String name, Object value) throws Exception {
        MessageProducer producer = session.createProducer(to);
        Message message = session.createTextMessage(String.valueOf(value));
        if (name != null) {
            message.setObjectProperty(name, value);
        }
        producer.send(message);
        producer.close();
    }

    /** Sends a message with all headers set; each selector has to take it, or not. */
    private static void headers(Env env) throws Exception {
        Session session = env.session();
        String[] take = {"JMSPriority = 7", "JMSType = 'order'", "JMSCorrelationID LIKE 'c-%'", "JMSDeliveryMode = 'NON_PERSISTENT'",
            "JMSTimestamp > 0", "JMSMessageID IS NOT NULL", "JMSXGroupID = 'g' AND JMSXGroupSeq = 3", "JMSReplyTo IS NOT NULL",
            "JMSRedelivered = FALSE", "JMSType IN ('order', 'x') AND JMSPriority BETWEEN 7 AND 9", "JMSExpiration > 0"};
        String[] leave = {"JMSPriority <> 7", "JMSType IS NULL", "JMSDeliveryMode = 'PERSISTENT'", "NOT (JMSPriority = 7)", "JMSXUserID = 'x'"};
        for (int i = 0; i < take.length + leave.length; i++) {
            String selector = i < take.length ? take[i] : leave[i - take.length];
            Queue queue = env.queue("q" + i);
            MessageProducer producer = session.createProducer(queue);
            TextMessage message = session.createTextMessage();
            message.setJMSType("order");
            message.setJMSCorrelationID("c-1");
            message.setJMSReplyTo(env.queue("reply"));
            message.setStringProperty("JMSXGroupID", "g");
            message.setIntProperty("JMSXGroupSeq", 3);
            producer.send(message, DeliveryMode.NON_PERSISTENT, 7, 600_000);
            MessageConsumer consumer = session.createConsumer(queue, selector);
            Message got = consumer.receive(i < take.length ? Env.SOON : Env.NEVER);
            Env.check((got != null) == (i < take.length), selector + " gave " + got);
            consumer.close();
        }
    }

    private static void nulls(Env env) throws Exception {
        Session session = env.session();
        Queue queue = env.queue("q");
        send(session, queue, null, "none");
        send(session, queue, "a", 5);
        MessageConsumer no = session.createConsumer(queue, "NOT (a = 1) AND a < 5");
        Env.none(no);
        no.close();
        Env.equal("none", Env.text(session.createConsumer(queue, "a IS NULL")), "text");
        Env.equal("5", Env.text(session.createConsumer(queue, "a <> 1")), "text");
    }

    private static void convert(Env env) throws Exception {
        Session session = env.session();
        Queue queue = env.queue("q");
        send(session, queue, "n", "5");
        MessageConsumer strict = session.createConsumer(queue, "n = 5");
        Env.none(strict);
        strict.close();
        Env.equal("5", Env.text(session.createConsumer(queue, "convert_string_expressions:n = 5")), "text");
    }

    private static void browser(Env env) throws Exception {
        Session session = env.session();
        Queue queue = env.queue("q");
        for (int i = 0; i < 20; i++) {
            send(session, queue, "n", i);
        }
        QueueBrowser browser = session.createBrowser(queue, "n >= 5 AND n < 15");
        int n = 5;
        for (var all = browser.getEnumeration(); all.hasMoreElements();) {
            Env.equal(String.valueOf(n++), ((TextMessage) all.nextElement()).getText(), "text");
        }
        Env.equal(15, n, "after the last");
    }

    private static void twoConsumers(Env env) throws Exception {
        Session session = env.session();
        Queue queue = env.queue("q");
        MessageConsumer even = session.createConsumer(queue, "n / 2 * 2 = n AND n >= 0");
        MessageConsumer red = session.createConsumer(queue, "colour = 'red'");
        for (int i = 0; i < 50; i++) {
            send(session, queue, "n", i * 2);
            send(session, queue, "colour", "red");
        }
        for (int i = 0; i < 50; i++) {
            Env.equal(String.valueOf(i * 2), Env.text(even), "text");
            Env.equal("red", Env.text(red), "text");
        }
    }

    private static void option(Env env) throws Exception {
        Session session = env.session();
        MessageConsumer consumer = session.createConsumer(new ActiveMQQueue(env.name("q") + "?consumer.selector=a%3D1"));
        send(session, env.queue("q"), "a", 2);
        send(session, env.queue("q"), "a", 1);
        Env.equal("1", Env.text(consumer), "text");
    }

    private static void durableChange(Env env) throws Exception {
        ActiveMQConnection connection = env.start(env.factory(), env.name("c"));
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Topic topic = env.topic("t");
        session.createDurableSubscriber(topic, "s", "a = 1", false).close();
        send(session, topic, "a", 1);
        send(session, topic, "a", 2);
        MessageConsumer changed = session.createDurableSubscriber(topic, "s", "a = 2", false);
        Env.none(changed);
        send(session, topic, "a", 1);
        send(session, topic, "a", 2);
        Env.equal("2", Env.text(changed), "text");
        changed.close();
        session.unsubscribe("s");
    }

    private static void messageID(Env env) throws Exception {
        Session session = env.session();
        Queue queue = env.queue("q");
        List<String> ids = Env.sendNumbers(session, queue, 0, 10);
        Env.equal("7", Env.text(session.createConsumer(queue, "JMSMessageID = '" + ids.get(7) + "'")), "text");
    }

    private static void redelivery(Env env) throws Exception {
        Session session = env.connect().createSession(true, Session.SESSION_TRANSACTED);
        Queue queue = env.queue("q");
        send(session, queue, "a", 1);
        session.commit();
        MessageConsumer consumer = session.createConsumer(queue, "a = 1 AND JMSXDeliveryCount >= 1");
        Env.receive(consumer);
        session.rollback();
        Message again = Env.receive(consumer);
        Env.check(again.getJMSRedelivered(), "redelivered");
        session.rollback();
        session.close(); // given back, it is for consumers that want what was delivered before, and browsers see that
        Session other = env.session();
        Env.none(other.createConsumer(queue, "JMSXDeliveryCount = 1"));
        QueueBrowser browser = other.createBrowser(queue, "JMSRedelivered AND JMSXDeliveryCount > 1");
        Message shown = (Message) browser.getEnumeration().nextElement();
        Env.check(shown.getJMSRedelivered() && shown.getIntProperty("JMSXDeliveryCount") > 1, "shown as redelivered");
        browser.close();
        Env.receive(other.createConsumer(queue, "JMSRedelivered AND JMSXDeliveryCount > 1"));
    }

    private static void empty(Env env) throws Exception {
        Session session = env.session();
        Queue queue = env.queue("q");
        send(session, queue, "a", 1);
        Env.equal("1", Env.text(session.createConsumer(queue, "  ")), "text");
    }
}
