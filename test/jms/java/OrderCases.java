import java.util.ArrayList;
import java.util.Enumeration;
import java.util.List;
import javax.jms.Connection;
import javax.jms.DeliveryMode;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Queue;
import javax.jms.Session;
import javax.jms.TextMessage;
import javax.jms.Topic;

/**
 * The order in which a backlog is delivered. Destinations of cases whose names
 * begin with order.priority have prioritizedMessages.
 */
final class OrderCases {
    private OrderCases() {
    }

    static void addTo(Suite suite) {
        suite.addBetter("order.priority.queue", env -> queue(env, DeliveryMode.PERSISTENT));
        suite.addBetter("order.priority.transient", env -> queue(env, DeliveryMode.NON_PERSISTENT));
        suite.add("order.priority.deep", OrderCases::deep);
        suite.addBetter("order.priority.overtakes", OrderCases::overtakes);
        suite.addBetter("order.priority.redelivery", OrderCases::redelivery);
        suite.addBetter("order.priority.durable", OrderCases::durable);
        suite.addBetter("order.priority.browser", OrderCases::browser);
        suite.addBetter("order.priority.selector", OrderCases::prioritySelector);
        suite.add("order.arrival", OrderCases::arrival);
        suite.addBetter("order.selector.rare", OrderCases::rare);
        suite.addBetter("order.selector.late", OrderCases::late);
        suite.addBetter("order.browser.deep", OrderCases::deepBrowser);
    }

    private static Session single(Env env) throws Exception {
        return env.session("jms.prefetchPolicy.all=1");
    }

    /** Sends texts "priority/number"; every priority comes equally often. */
    private static void sendMixed(Session session, javax.jms.Destination to, int mode, int n) throws Exception {
        MessageProducer producer = session.createProducer(to);
        producer.setDeliveryMode(mode);
        for (int i = 0; i < n; i++) {
            producer.setPriority(i * 7 % 10);
            producer.send(session.createTextMessage(i * 7 % 10 + "/" + i));
        }
        producer.close();
    }

    /** The texts of sendMixed in the order that they have to come in. */
    private static List<String> mixed(int n) {
        List<String> texts = new ArrayList<>();
        for (int priority = 9; priority >= 0; priority--) {
            for (int i = 0; i < n; i++) {
                if (i * 7 % 10 == priority) {
                    texts.add(priority + "/" + i);
                }
            }
        }
        return texts;
    }

    private static void expect(MessageConsumer consumer, List<String> texts) throws Exception {
        for (String text : texts) {
            Env.equal(text, Env.text(consumer), "text");
        }
    }

    private static void queue(Env env, int mode) throws Exception {
        Queue queue = env.queue("q");
        sendMixed(env.session(), queue, mode, 100);
        expect(single(env).createConsumer(queue), mixed(100));
    }

    /** Sends n texts "<prefix>i" in transactions. */
    private static void fill(Env env, Queue queue, int priority, String prefix, int n, String colour) throws Exception {
        Session session = env.connect().createSession(true, Session.SESSION_TRANSACTED);
        MessageProducer producer = session.createProducer(queue);
        producer.setPriority(priority);
        for (int i = 0; i < n; i++) {
            TextMessage message = session.createTextMessage(prefix + i);
            if (colour != null) {
                message.setStringProperty("colour", colour);
            }
            producer.send(message);
            if (i % 1000 == 999) {
                session.commit();
            }
        }
        session.commit();
        session.close();
    }

    /** What is urgent comes first though it lies far behind everything that fits into memory. */
    private static void deep(Env env) throws Exception {
        Queue queue = env.queue("q");
        fill(env, queue, 4, "low", 3000, null);
        fill(env, queue, 9, "high", 300, null);
        MessageConsumer consumer = single(env).createConsumer(queue);
        for (int i = 0; i < 300; i++) {
            Env.equal("high" + i, Env.text(consumer), "text");
        }
        for (int i = 0; i < 100; i++) {
            Env.equal("low" + i, Env.text(consumer), "text");
        }
    }

    private static void overtakes(Env env) throws Exception {
        Queue queue = env.queue("q");
        fill(env, queue, 3, "low", 1000, null);
        Session session = env.connect("jms.prefetchPolicy.all=1").createSession(false, Session.CLIENT_ACKNOWLEDGE);
        MessageConsumer consumer = session.createConsumer(queue);
        Message first = Env.receive(consumer);
        fill(env, queue, 5, "high", 1000, null);
        first.acknowledge();
        Env.equal("low1", Env.text(consumer), "text"); // the client has it already
        Env.equal("high0", Env.text(consumer), "text");
    }

    /** What is given back comes again in its place. */
    private static void redelivery(Env env) throws Exception {
        Queue queue = env.queue("q");
        sendMixed(env.session(), queue, DeliveryMode.PERSISTENT, 100);
        for (int i = 0; i < 3; i++) {
            Connection connection = env.connect("jms.prefetchPolicy.all=20");
            MessageConsumer consumer = connection.createSession(false, Session.CLIENT_ACKNOWLEDGE).createConsumer(queue);
            expect(consumer, mixed(100).subList(0, 15));
            connection.close();
        }
        expect(single(env).createConsumer(queue), mixed(100));
    }

    private static void durable(Env env) throws Exception {
        Topic topic = env.topic("t");
        Connection connection = env.start(env.factory("jms.prefetchPolicy.all=1"), env.name("c"));
        connection.createSession(false, Session.AUTO_ACKNOWLEDGE).createDurableSubscriber(topic, "s").close();
        sendMixed(env.session(), topic, DeliveryMode.PERSISTENT, 100);
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageConsumer consumer = session.createDurableSubscriber(topic, "s");
        expect(consumer, mixed(100));
        consumer.close();
        session.unsubscribe("s");
    }

    private static void browser(Env env) throws Exception {
        Queue queue = env.queue("q");
        Session session = env.session();
        sendMixed(session, queue, DeliveryMode.PERSISTENT, 60);
        List<String> seen = new ArrayList<>();
        for (Enumeration<?> e = session.createBrowser(queue).getEnumeration(); e.hasMoreElements();) {
            seen.add(((TextMessage) e.nextElement()).getText());
        }
        Env.equal(mixed(60), seen, "browsed");
    }

    private static void prioritySelector(Env env) throws Exception {
        Queue queue = env.queue("q");
        fill(env, queue, 9, "unwanted", 1500, "grey");
        fill(env, queue, 2, "low", 30, "red");
        fill(env, queue, 7, "high", 30, "red");
        MessageConsumer consumer = single(env).createConsumer(queue, "colour = 'red'");
        for (String prefix : List.of("high", "low")) {
            for (int i = 0; i < 30; i++) {
                Env.equal(prefix + i, Env.text(consumer), "text");
            }
        }
        Env.none(consumer);
        Env.equal("unwanted0", Env.text(single(env).createConsumer(queue)), "text");
    }

    private static void arrival(Env env) throws Exception {
        Queue queue = env.queue("q");
        sendMixed(env.session(), queue, DeliveryMode.PERSISTENT, 50);
        MessageConsumer consumer = single(env).createConsumer(queue);
        for (int i = 0; i < 50; i++) {
            Env.equal(i * 7 % 10 + "/" + i, Env.text(consumer), "text");
        }
    }

    /** One in 2,000 is wanted; then who wants all gets the rest in order. */
    private static void rare(Env env) throws Exception {
        Queue queue = env.queue("q");
        Session session = env.connect().createSession(true, Session.SESSION_TRANSACTED);
        MessageProducer producer = session.createProducer(queue);
        for (int i = 0; i < 10_000; i++) {
            TextMessage message = session.createTextMessage(Integer.toString(i));
            message.setIntProperty("part", i % 2000);
            producer.send(message);
            if (i % 1000 == 999) {
                session.commit();
            }
        }
        MessageConsumer nobody = env.session().createConsumer(queue, "part = -1");
        MessageConsumer rare = env.session().createConsumer(queue, "part = 1999");
        for (int i = 1999; i < 10_000; i += 2000) {
            Env.equal(Integer.toString(i), Env.text(rare), "text");
        }
        Env.none(rare);
        nobody.close();
        MessageConsumer all = env.session().createConsumer(queue);
        for (int i = 0; i < 10_000; i++) {
            if (i % 2000 != 1999) {
                Env.equal(Integer.toString(i), Env.text(all), "text");
            }
        }
    }

    /** A selective consumer that comes late finds what others passed over, and what comes later. */
    private static void late(Env env) throws Exception {
        Queue queue = env.queue("q");
        fill(env, queue, 4, "grey", 1500, "grey");
        fill(env, queue, 4, "red", 20, "red");
        MessageConsumer red = env.session().createConsumer(queue, "colour = 'red'");
        Env.equal("red0", Env.text(red), "text");
        MessageConsumer grey = single(env).createConsumer(queue, "colour = 'grey'");
        for (int i = 0; i < 50; i++) {
            Env.equal("grey" + i, Env.text(grey), "text");
        }
        fill(env, queue, 4, "blue", 10, "blue");
        MessageConsumer blue = env.session().createConsumer(queue, "colour = 'blue'");
        for (int i = 0; i < 10; i++) {
            Env.equal("blue" + i, Env.text(blue), "text");
        }
        for (int i = 1; i < 20; i++) {
            Env.equal("red" + i, Env.text(red), "text");
        }
    }

    private static void deepBrowser(Env env) throws Exception {
        Queue queue = env.queue("q");
        fill(env, queue, 4, "", 3000, null);
        int n = 0;
        for (Enumeration<?> e = env.session().createBrowser(queue).getEnumeration(); e.hasMoreElements(); n++) {
            Env.equal(Integer.toString(n), ((TextMessage) e.nextElement()).getText(), "browsed");
        }
        Env.equal(3000, n, "browsed");
    }
}
