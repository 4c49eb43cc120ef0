import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import javax.jms.BytesMessage;
import javax.jms.DeliveryMode;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Queue;
import javax.jms.QueueBrowser;
import javax.jms.Session;
import javax.jms.TextMessage;
import org.apache.activemq.ActiveMQConnection;
import org.apache.activemq.command.ActiveMQDestination;
import org.apache.activemq.command.ActiveMQQueue;
import org.apache.activemq.command.ActiveMQTopic;

/** Queues: order, sizes, browsers, sessions, anonymous producers, composites. */
final class QueueCases {
    private QueueCases() {
    }

    static void addTo(Suite suite) {
        suite.add("queue.order.10000", QueueCases::tenThousand);
        suite.add("queue.order.10000.backlog", QueueCases::backlog);
        suite.add("queue.async.send", QueueCases::asyncSend);
        suite.add("queue.producer.window", QueueCases::producerWindow);
        suite.add("queue.large.bytes.persistent", env -> large(env, DeliveryMode.PERSISTENT));
        suite.add("queue.large.bytes.nonpersistent", env -> large(env, DeliveryMode.NON_PERSISTENT));
        suite.add("queue.large.text", QueueCases::largeText);
        suite.add("queue.browser", QueueCases::browser);
        suite.add("queue.browser.empty", QueueCases::emptyBrowser);
        suite.add("queue.browser.beside.consumer", QueueCases::browserBesideConsumer);
        suite.add("queue.sessions.of.one.connection", QueueCases::sessions);
        suite.add("queue.anonymous.producer", QueueCases::anonymous);
        suite.add("queue.composite.destination", QueueCases::composite);
        suite.add("queue.destroy", QueueCases::destroy);
        suite.add("queue.concurrent.4x4", QueueCases::concurrent);
    }

    private static void tenThousand(Env env) throws Exception {
        Queue queue = env.queue("q");
        MessageConsumer consumer = env.session().createConsumer(queue);
        Env.sendNumbers(env.session("jms.useAsyncSend=true"), queue, 0, 10_000);
        Env.expectNumbers(consumer, 0, 10_000);
        Env.none(consumer);
    }

    private static void backlog(Env env) throws Exception {
        Queue queue = env.queue("q");
        Session session = env.connect().createSession(true, Session.SESSION_TRANSACTED);
        for (int i = 0; i < 10_000; i += 1000) {
            Env.sendNumbers(session, queue, i, i + 1000);
            session.commit();
        }
        MessageConsumer consumer = env.session().createConsumer(queue);
        Env.expectNumbers(consumer, 0, 10_000);
        Env.none(consumer);
    }

    private static void asyncSend(Env env) throws Exception {
        Queue queue = env.queue("q");
        ActiveMQConnection connection = env.connect("jms.useAsyncSend=true");
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Env.sendNumbers(session, queue, 0, 1000);
        connection.close(); // does not overtake what was sent before it
        MessageConsumer consumer = env.session().createConsumer(queue);
        Env.expectNumbers(consumer, 0, 1000);
    }

    /** With a window the client waits for ProducerAck commands. */
    private static void producerWindow(Env env) throws Exception {
        Queue queue = env.queue("q");
        Session session = env.session("jms.useAsyncSend=true", "jms.producerWindowSize=2000");
        Env.sendNumbers(session, queue, 0, 500);
        Env.expectNumbers(env.session().createConsumer(queue), 0, 500);
    }

    private static void large(Env env, int mode) throws Exception {
        byte[] body = new byte[5 << 20];
        for (int i = 0; i < body.length; i++) {
            body[i] = (byte) (i * 31 + (i >> 11));
        }
        Queue queue = env.queue("q");
        Session session = env.session();
        MessageProducer producer = session.createProducer(queue);
        producer.setDeliveryMode(mode);
        BytesMessage sent = session.createBytesMessage();
        sent.writeBytes(body);
        producer.send(sent);
        producer.send(session.createTextMessage("after"));
        MessageConsumer consumer = env.session().createConsumer(queue);
        BytesMessage got = (BytesMessage) Env.receive(consumer);
        byte[] back = new byte[body.length];
        Env.equal(back.length, got.readBytes(back), "length");
        Env.check(java.util.Arrays.equals(body, back), "body differs");
        Env.equal("after", Env.text(consumer), "text");
    }

    private static void largeText(Env env) throws Exception {
        String text = "0123456789abcdé".repeat(350_000);
        Queue queue = env.queue("q");
        Session session = env.session();
        session.createProducer(queue).send(session.createTextMessage(text));
        Env.check(text.equals(Env.text(env.session().createConsumer(queue))), "text differs");
    }

    private static void browser(Env env) throws Exception {
        Queue queue = env.queue("q");
        Session session = env.session();
        List<String> ids = Env.sendNumbers(session, queue, 0, 200);
        for (int round = 0; round < 2; round++) {
            Env.equal(ids, browse(session, queue), "browsed ids");
        }
        Env.expectNumbers(session.createConsumer(queue), 0, 200);
        Env.equal(List.of(), browse(session, queue), "browsed after consuming");
    }

    static List<String> browse(Session session, Queue queue) throws JMSException {
        QueueBrowser browser = session.createBrowser(queue);
        List<String> ids = new ArrayList<>();
        for (Object message : Collections.list(browser.getEnumeration())) {
            ids.add(((Message) message).getJMSMessageID());
        }
        browser.close();
        return ids;
    }

    private static void emptyBrowser(Env env) throws Exception {
        Env.equal(List.of(), browse(env.session(), env.queue("q")), "browsed");
    }

    /** A browser sees what a consumer holds unacknowledged and takes nothing away. */
    private static void browserBesideConsumer(Env env) throws Exception {
        Queue queue = env.queue("q");
        Session session = env.session();
        Env.sendNumbers(session, queue, 0, 20);
        Session holder = env.connect("jms.prefetchPolicy.all=5").createSession(false, Session.CLIENT_ACKNOWLEDGE);
        MessageConsumer consumer = holder.createConsumer(queue);
        Env.expectNumbers(consumer, 0, 3);
        int seen = browse(session, queue).size();
        Env.check(seen >= 15 && seen <= 20, "browsed " + seen);
        Env.expectNumbers(consumer, 3, 20);
    }

    private static void sessions(Env env) throws Exception {
        ActiveMQConnection connection = env.connect();
        List<MessageConsumer> consumers = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            Session session = connection.createSession(i % 2 == 1, i % 2 == 1 ? Session.SESSION_TRANSACTED : Session.AUTO_ACKNOWLEDGE);
            consumers.add(session.createConsumer(env.queue("q" + i)));
        }
        for (int i = 0; i < 5; i++) {
            Env.sendNumbers(connection.createSession(false, Session.AUTO_ACKNOWLEDGE), env.queue("q" + i), 100 * i, 100 * i + 20);
        }
        for (int i = 4; i >= 0; i--) {
            Env.expectNumbers(consumers.get(i), 100 * i, 100 * i + 20);
        }
    }

    private static void anonymous(Env env) throws Exception {
        Session session = env.session();
        MessageConsumer queue = session.createConsumer(env.queue("q"));
        MessageConsumer topic = session.createConsumer(env.topic("t"));
        MessageProducer producer = session.createProducer(null);
        for (int i = 0; i < 10; i++) {
            producer.send(env.queue("q"), session.createTextMessage("q" + i));
            producer.send(env.topic("t"), session.createTextMessage("t" + i));
        }
        for (int i = 0; i < 10; i++) {
            Env.equal("q" + i, Env.text(queue), "text");
            Env.equal("t" + i, Env.text(topic), "text");
        }
    }

    private static void composite(Env env) throws Exception {
        Session session = env.session();
        MessageConsumer topic = session.createConsumer(env.topic("t"));
        Queue both = new ActiveMQQueue(env.name("a") + "," + env.name("b") + ",topic://" + env.name("t"));
        Env.sendNumbers(session, both, 0, 5);
        for (String name : new String[] {"a", "b"}) {
            MessageConsumer consumer = session.createConsumer(env.queue(name));
            for (int i = 0; i < 5; i++) {
                TextMessage got = (TextMessage) Env.receive(consumer);
                Env.equal(Integer.toString(i), got.getText(), "text");
                Env.equal(env.queue(name), got.getJMSDestination(), "destination");
            }
            Env.none(consumer);
        }
        Env.expectNumbers(topic, 0, 5);
        MessageConsumer ofTwo = session.createConsumer(new ActiveMQQueue(env.name("c") + "," + env.name("d")));
        Env.sendNumbers(session, env.queue("c"), 0, 2);
        Env.expectNumbers(ofTwo, 0, 2);
        Env.sendNumbers(session, env.queue("d"), 2, 4);
        Env.expectNumbers(ofTwo, 2, 4);
    }

    private static void destroy(Env env) throws Exception {
        ActiveMQConnection connection = env.connect();
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        for (ActiveMQDestination destination : List.of(new ActiveMQQueue(env.name("q")), new ActiveMQTopic(env.name("t")))) {
            Env.sendNumbers(session, destination, 0, 3);
            MessageConsumer consumer = session.createConsumer(destination);
            Env.expect(JMSException.class, () -> {
                connection.destroyDestination(destination);
                return null;
            });
            consumer.close();
            connection.destroyDestination(destination);
        }
        Env.sendNumbers(session, env.queue("q"), 7, 8);
        MessageConsumer consumer = session.createConsumer(env.queue("q"));
        Env.expectNumbers(consumer, 7, 8);
        Env.none(consumer);
    }

    /** Four producers and four consumers at once: each message once, each producer's order kept. */
    private static void concurrent(Env env) throws Exception {
        Queue queue = env.queue("q");
        AtomicReference<Throwable> failure = new AtomicReference<>();
        List<Integer> seen = Collections.synchronizedList(new ArrayList<>());
        for (int c = 0; c < 4; c++) {
            int[] last = {-1, -1, -1, -1};
            env.session().createConsumer(queue).setMessageListener(message -> {
                try {
                    int n = Integer.parseInt(((TextMessage) message).getText());
                    Env.check(n > last[n / 1000], "order of producer " + n / 1000);
                    last[n / 1000] = n;
                    seen.add(n);
                } catch (Throwable e) {
                    failure.compareAndSet(null, e);
                }
            });
        }
        List<Thread> threads = new ArrayList<>();
        for (int p = 0; p < 4; p++) {
            int from = 1000 * p;
            Session session = env.session();
            threads.add(new Thread(() -> {
                try {
                    Env.sendNumbers(session, queue, from, from + 500);
                } catch (Throwable e) {
                    failure.compareAndSet(null, e);
                }
            }));
        }
        threads.forEach(Thread::start);
        for (Thread thread : threads) {
            thread.join();
        }
        Env.await("2000 messages", () -> seen.size() >= 2000 || failure.get() != null);
        Env.equal(null, failure.get(), "failure");
        Env.equal(2000, new java.util.HashSet<>(seen).size(), "distinct messages");
        Env.equal(2000, seen.size(), "messages");
    }
}
