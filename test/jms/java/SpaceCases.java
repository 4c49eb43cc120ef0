import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import javax.jms.BytesMessage;
import javax.jms.DeliveryMode;
import javax.jms.Destination;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Queue;
import javax.jms.QueueBrowser;
import javax.jms.ResourceAllocationException;
import javax.jms.Session;
import javax.jms.Topic;
import org.apache.activemq.ActiveMQConnection;
import org.apache.activemq.command.ActiveMQQueue;

/**
 * Memory, temporary store and store that end. The broker has 8 MB of memory
 * and 12 MB of store; what begins with BLOCK. has 64 KB and waits, with FAIL.
 * is refused, with LATE. is refused after a while.
 */
final class SpaceCases {
    private SpaceCases() {
    }

    private static final int KILOBYTE = 1024;

    static void addTo(Suite suite) {
        suite.add("space.spool.queue", SpaceCases::spoolQueue);
        suite.addBetter("space.spool.temporary.queue", SpaceCases::spoolTemporary);
        suite.add("space.spool.transacted", SpaceCases::spoolTransacted);
        suite.addBetter("space.spool.among.persistent", SpaceCases::spoolMixed);
        suite.addBetter("space.spool.browser", SpaceCases::browse);
        suite.add("space.stuck.subscriber", SpaceCases::stuckSubscriber);
        suite.add("space.blocked.sync", SpaceCases::blockedSync);
        suite.add("space.blocked.async", SpaceCases::blockedAsync);
        suite.add("space.blocked.persistent", SpaceCases::blockedPersistent);
        suite.add("space.blocked.topic", SpaceCases::blockedTopic);
        suite.addBetter("space.blocked.window", SpaceCases::blockedWindow);
        suite.addBetter("space.blocked.same.connection", SpaceCases::sameConnection);
        suite.add("space.blocked.close", SpaceCases::blockedClose);
        suite.addBetter("space.refused", SpaceCases::refused);
        suite.addBetter("space.refused.late", SpaceCases::refusedLate);
        suite.add("space.store.full", SpaceCases::storeFull);
        suite.add("space.store.full.transacted", SpaceCases::storeFullTransacted);
    }

    private static Queue named(Env env, String prefix) {
        return new ActiveMQQueue(prefix + env.name("q"));
    }

    private static MessageProducer producer(Session session, Destination to, int mode) throws JMSException {
        MessageProducer producer = session.createProducer(to);
        producer.setDeliveryMode(mode);
        return producer;
    }

    private static BytesMessage numbered(Session session, int n, int size) throws JMSException {
        BytesMessage message = session.createBytesMessage();
        message.writeBytes(new byte[size]);
        message.setIntProperty("n", n);
        return message;
    }

    private static void send(Session session, MessageProducer producer, int from, int until, int size) throws JMSException {
        for (int n = from; n < until; n++) {
            producer.send(numbered(session, n, size));
        }
    }

    private static void expect(MessageConsumer consumer, int from, int until, int size) throws JMSException {
        for (int n = from; n < until; n++) {
            BytesMessage message = (BytesMessage) consumer.receive(Env.SOON);
            Env.check(message != null, "nothing within " + Env.SOON + " ms, waiting for " + n);
            Env.equal(n, message.getIntProperty("n"), "number");
            Env.equal((long) size, message.getBodyLength(), "length");
        }
    }

    /** Sends in a thread of its own; n counts what has been sent. */
    private static FutureTask<Void> sender(Session session, Destination to, int mode, int count, int size, AtomicInteger n) {
        FutureTask<Void> task = new FutureTask<>(() -> {
            MessageProducer producer = producer(session, to, mode);
            for (int i = 0; i < count; i++) {
                producer.send(numbered(session, i, size));
                n.incrementAndGet();
            }
            return null;
        });
        Thread thread = new Thread(task, "sender");
        thread.setDaemon(true);
        thread.start();
        return task;
    }

    /** Waits until the sender stands still before it is done; returns how far it came. */
    private static int stuck(FutureTask<Void> task, AtomicInteger n, int count) throws Exception {
        int last = -1;
        while (last != n.get()) {
            last = n.get();
            try {
                task.get(400, TimeUnit.MILLISECONDS);
                throw new AssertionError("all " + count + " were sent");
            } catch (TimeoutException e) {
                // goes on or is stuck
            }
        }
        Env.check(last < count, last + " were sent");
        return last;
    }

    private static void spoolQueue(Env env) throws Exception {
        Session session = env.session();
        Queue queue = env.queue("q");
        int count = 20_000;
        send(session, producer(session, queue, DeliveryMode.NON_PERSISTENT), 0, count, KILOBYTE);
        expect(env.session().createConsumer(queue), 0, count, KILOBYTE);
    }

    private static void spoolTemporary(Env env) throws Exception {
        ActiveMQConnection connection = env.connect();
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Queue queue = session.createTemporaryQueue();
        int count = 10_000;
        send(session, producer(session, queue, DeliveryMode.NON_PERSISTENT), 0, count, KILOBYTE);
        expect(connection.createSession(false, Session.AUTO_ACKNOWLEDGE).createConsumer(queue), 0, count, KILOBYTE);
    }

    private static void spoolTransacted(Env env) throws Exception {
        Session session = env.connect().createSession(true, Session.SESSION_TRANSACTED);
        Queue queue = env.queue("q");
        MessageProducer producer = producer(session, queue, DeliveryMode.NON_PERSISTENT);
        int count = 10_000;
        for (int from = 0; from < count; from += 500) {
            send(session, producer, from, from + 500, KILOBYTE);
            session.commit();
            send(session, producer, 0, 10, KILOBYTE);
            session.rollback();
        }
        Session reader = env.connect().createSession(true, Session.SESSION_TRANSACTED);
        MessageConsumer consumer = reader.createConsumer(queue);
        expect(consumer, 0, 100, KILOBYTE);
        reader.rollback();
        for (int from = 0; from < count; from += 500) {
            expect(consumer, from, from + 500, KILOBYTE);
            reader.commit();
        }
    }

    private static void spoolMixed(Env env) throws Exception {
        Session session = env.session("jms.useAsyncSend=false");
        Queue queue = env.queue("q");
        MessageProducer kept = producer(session, queue, DeliveryMode.PERSISTENT);
        MessageProducer light = producer(session, queue, DeliveryMode.NON_PERSISTENT);
        int count = 10_000;
        for (int n = 0; n < count; n++) {
            (n % 50 == 0 ? kept : light).send(numbered(session, n, KILOBYTE));
        }
        expect(env.session().createConsumer(queue), 0, count, KILOBYTE);
    }

    private static void browse(Env env) throws Exception {
        Session session = env.session();
        Queue queue = env.queue("q");
        int count = 8_000;
        send(session, producer(session, queue, DeliveryMode.NON_PERSISTENT), 0, count, KILOBYTE);
        QueueBrowser browser = env.session().createBrowser(queue);
        int n = 0;
        for (var all = browser.getEnumeration(); all.hasMoreElements(); n++) {
            Env.equal(n, ((Message) all.nextElement()).getIntProperty("n"), "number");
        }
        Env.equal(count, n, "browsed");
        expect(env.session().createConsumer(queue), 0, count, KILOBYTE);
    }

    private static void stuckSubscriber(Env env) throws Exception {
        Topic topic = env.topic("t");
        MessageConsumer stuck = env.session("jms.prefetchPolicy.topicPrefetch=10").createConsumer(topic);
        Session reader = env.session();
        CountDownLatch latch = new CountDownLatch(20_000);
        reader.createConsumer(topic).setMessageListener(message -> latch.countDown());
        Session session = env.session();
        send(session, producer(session, topic, DeliveryMode.NON_PERSISTENT), 0, 20_000, KILOBYTE);
        Env.check(latch.await(20, TimeUnit.SECONDS), "the other subscriber misses " + latch.getCount());
        expect(stuck, 0, 20_000, KILOBYTE);
    }

    /** A queue that keeps all in memory: its producers wait at its limit. */
    private static void blocked(Env env, Destination to, int mode, String... options) throws Exception {
        MessageConsumer consumer = env.session("jms.prefetchPolicy.all=1").createConsumer(to);
        AtomicInteger sent = new AtomicInteger();
        FutureTask<Void> task = sender(env.session(options), to, mode, 3000, KILOBYTE, sent);
        stuck(task, sent, 3000);
        expect(consumer, 0, 3000, KILOBYTE);
        task.get(Env.SOON, TimeUnit.MILLISECONDS);
    }

    private static void blockedSync(Env env) throws Exception {
        blocked(env, named(env, "BLOCK."), DeliveryMode.NON_PERSISTENT, "jms.alwaysSyncSend=true");
    }

    private static void blockedAsync(Env env) throws Exception {
        blocked(env, named(env, "BLOCK."), DeliveryMode.NON_PERSISTENT);
    }

    private static void blockedPersistent(Env env) throws Exception {
        blocked(env, named(env, "BLOCK."), DeliveryMode.PERSISTENT);
    }

    private static void blockedTopic(Env env) throws Exception {
        blocked(env, new org.apache.activemq.command.ActiveMQTopic("BLOCK." + env.name("t")), DeliveryMode.NON_PERSISTENT,
            "jms.alwaysSyncSend=true");
    }

    private static void blockedWindow(Env env) throws Exception {
        blocked(env, named(env, "BLOCK."), DeliveryMode.NON_PERSISTENT, "jms.producerWindowSize=20000");
    }

    /** What waits does not hold up consumers and other producers of its connection. */
    private static void sameConnection(Env env) throws Exception {
        Queue full = named(env, "BLOCK.");
        Queue other = env.queue("other");
        ActiveMQConnection connection = env.connect("jms.producerWindowSize=20000", "jms.prefetchPolicy.all=1");
        AtomicInteger sent = new AtomicInteger();
        FutureTask<Void> task = sender(connection.createSession(false, Session.AUTO_ACKNOWLEDGE), full,
            DeliveryMode.NON_PERSISTENT, 1000, KILOBYTE, sent);
        stuck(task, sent, 1000);
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        send(session, producer(session, other, DeliveryMode.NON_PERSISTENT), 0, 100, KILOBYTE);
        expect(session.createConsumer(other), 0, 100, KILOBYTE);
        expect(connection.createSession(false, Session.AUTO_ACKNOWLEDGE).createConsumer(full), 0, 1000, KILOBYTE);
        task.get(Env.SOON, TimeUnit.MILLISECONDS);
    }

    private static void blockedClose(Env env) throws Exception {
        Queue queue = named(env, "BLOCK.");
        for (String option : new String[] {"jms.alwaysSyncSend=true", "jms.alwaysSyncSend=false"}) {
            ActiveMQConnection connection = env.connect(option, "jms.closeTimeout=500");
            AtomicInteger sent = new AtomicInteger();
            FutureTask<Void> task = sender(connection.createSession(false, Session.AUTO_ACKNOWLEDGE), queue,
                DeliveryMode.NON_PERSISTENT, 5000, KILOBYTE, sent);
            stuck(task, sent, 5000);
            connection.getTransport().stop(); // the client is gone
        }
        MessageConsumer consumer = env.session().createConsumer(queue);
        while (consumer.receive(Env.NEVER) != null) {
            // what was taken
        }
        Session session = env.session("jms.alwaysSyncSend=true");
        send(session, producer(session, queue, DeliveryMode.NON_PERSISTENT), 0, 20, KILOBYTE);
    }

    private static void refused(Env env) throws Exception {
        Session session = env.session("jms.alwaysSyncSend=true");
        Queue queue = named(env, "FAIL.");
        MessageProducer producer = producer(session, queue, DeliveryMode.NON_PERSISTENT);
        ResourceAllocationException e = Env.expect(ResourceAllocationException.class, () -> {
            send(session, producer, 0, 1000, KILOBYTE);
            return null;
        });
        Env.equal("Usage Manager Memory Limit reached on queue://" + queue.getQueueName()
            + ". See http://activemq.apache.org/producer-flow-control.html for more info", e.getMessage(), "text");
        MessageConsumer consumer = session.createConsumer(queue);
        while (consumer.receive(Env.NEVER) != null) {
            // makes room
        }
        send(session, producer, 0, 10, KILOBYTE);
    }

    private static void refusedLate(Env env) throws Exception {
        Session session = env.session("jms.alwaysSyncSend=true");
        Queue queue = named(env, "LATE.");
        MessageProducer producer = producer(session, queue, DeliveryMode.NON_PERSISTENT);
        long[] begun = new long[1];
        ResourceAllocationException e = Env.expect(ResourceAllocationException.class, () -> {
            for (int n = 0; n < 1000; n++) {
                begun[0] = System.nanoTime();
                producer.send(numbered(session, n, KILOBYTE));
            }
            return null;
        });
        Env.check(e.getMessage().contains("Usage Manager Memory Limit Wait Timeout. Stopping producer ("), e.getMessage());
        long waited = (System.nanoTime() - begun[0]) / 1_000_000;
        Env.check(waited >= 250 && waited < 5000, "waited " + waited + " ms instead of 300");
    }

    private static void storeFull(Env env) throws Exception {
        Queue queue = env.queue("q");
        AtomicInteger sent = new AtomicInteger();
        int count = 300;
        int size = 100 * KILOBYTE;
        FutureTask<Void> task = sender(env.session(), queue, DeliveryMode.PERSISTENT, count, size, sent);
        int taken = stuck(task, sent, count);
        Env.check(taken > 20, "only " + taken + " fit");
        Queue light = env.queue("light");
        Session session = env.session();
        send(session, producer(session, light, DeliveryMode.NON_PERSISTENT), 0, 100, KILOBYTE);
        expect(session.createConsumer(light), 0, 100, KILOBYTE);
        expect(env.session().createConsumer(queue), 0, count, size);
        task.get(Env.SOON, TimeUnit.MILLISECONDS);
    }

    private static void storeFullTransacted(Env env) throws Exception {
        Queue queue = env.queue("q");
        AtomicInteger sent = new AtomicInteger();
        int count = 200;
        int size = 100 * KILOBYTE;
        Session session = env.connect().createSession(true, Session.SESSION_TRANSACTED);
        FutureTask<Void> task = new FutureTask<>(() -> {
            MessageProducer producer = producer(session, queue, DeliveryMode.PERSISTENT);
            for (int n = 0; n < count; n++) {
                producer.send(numbered(session, n, size));
                if (n % 10 == 9) {
                    session.commit();
                    sent.addAndGet(10);
                }
            }
            return null;
        });
        Thread thread = new Thread(task, "sender");
        thread.setDaemon(true);
        thread.start();
        stuck(task, sent, count);
        expect(env.session().createConsumer(queue), 0, count, size);
        task.get(Env.SOON, TimeUnit.MILLISECONDS);
    }
}
