import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.Queue;
import javax.jms.Session;
import javax.jms.TextMessage;
import org.apache.activemq.ActiveMQConnection;
import org.apache.activemq.command.ActiveMQQueue;

/** Who gets a message, and who gets it next when that one goes away. */
final class DeliveryCases {
    private DeliveryCases() {
    }

    static void addTo(Suite suite) {
        suite.add("delivery.round.robin", DeliveryCases::roundRobin);
        suite.add("delivery.round.robin.prefetch.1", DeliveryCases::inStep);
        suite.add("delivery.exclusive.consumer", DeliveryCases::exclusive);
        suite.add("delivery.unacked.on.session.close", env -> unacked(env, End.SESSION));
        suite.add("delivery.unacked.on.consumer.close", env -> unacked(env, End.CONSUMER));
        suite.add("delivery.unacked.on.connection.close", env -> unacked(env, End.CONNECTION));
        suite.add("delivery.unacked.on.socket.close", env -> unacked(env, End.SOCKET));
        suite.add("delivery.order.after.consumer.close", DeliveryCases::orderAfterClose);
        suite.add("delivery.stopped.connection", DeliveryCases::stopped);
        suite.add("delivery.listener", DeliveryCases::listener);
        suite.add("delivery.listener.exception", DeliveryCases::listenerException);
        suite.add("delivery.receive.timeouts", DeliveryCases::timeouts);
        suite.add("delivery.slow.and.fast", DeliveryCases::slowAndFast);
    }

    private static void roundRobin(Env env) throws Exception {
        Queue queue = env.queue("q");
        AtomicInteger[] counts = {new AtomicInteger(), new AtomicInteger()};
        for (AtomicInteger count : counts) {
            Session session = env.session("jms.prefetchPolicy.all=1000");
            session.createConsumer(queue).setMessageListener(m -> count.incrementAndGet());
        }
        Env.sendNumbers(env.session(), queue, 0, 100);
        Env.await("100 messages", () -> counts[0].get() + counts[1].get() == 100);
        Env.check(Math.abs(counts[0].get() - 50) <= 5, "shares " + counts[0] + " and " + counts[1]);
    }

    /** With a prefetch of 1 a consumer that is busy gets nothing more: two that wait for each other share evenly. */
    private static void inStep(Env env) throws Exception {
        Queue queue = env.queue("q");
        CyclicBarrier both = new CyclicBarrier(2);
        AtomicInteger[] counts = {new AtomicInteger(), new AtomicInteger()};
        for (AtomicInteger count : counts) {
            Session session = env.session("jms.prefetchPolicy.all=1");
            session.createConsumer(queue).setMessageListener(m -> {
                try {
                    both.await(20, TimeUnit.SECONDS);
                    count.incrementAndGet();
                } catch (Exception e) {
                    throw new IllegalStateException("the other consumer has nothing", e);
                }
            });
        }
        Env.sendNumbers(env.session(), queue, 0, 100);
        Env.await("100 messages", () -> counts[0].get() + counts[1].get() == 100);
        Env.equal(50, counts[0].get(), "the first one's share");
    }

    private static void exclusive(Env env) throws Exception {
        Session session = env.session();
        Queue queue = new ActiveMQQueue(env.name("q") + "?consumer.exclusive=true");
        MessageConsumer first = env.session().createConsumer(queue);
        MessageConsumer second = env.session().createConsumer(queue);
        Env.sendNumbers(session, env.queue("q"), 0, 20);
        Env.expectNumbers(first, 0, 20);
        Env.none(second);
        first.close();
        Env.sendNumbers(session, env.queue("q"), 20, 40);
        Env.expectNumbers(second, 20, 40);
    }

    private enum End { CONSUMER, SESSION, CONNECTION, SOCKET }

    /** Messages that a consumer had but did not acknowledge go to another, flagged and in order. */
    private static void unacked(Env env, End end) throws Exception {
        Queue queue = env.queue("q");
        Env.sendNumbers(env.session(), queue, 0, 10);
        ActiveMQConnection connection = env.connect();
        Session session = connection.createSession(false, Session.CLIENT_ACKNOWLEDGE);
        MessageConsumer consumer = session.createConsumer(queue);
        Env.expectNumbers(consumer, 0, 4);
        switch (end) {
            // with CLIENT_ACKNOWLEDGE a closed consumer's messages stay with its session
            case CONSUMER -> {
                consumer.close();
                session.close();
            }
            case SESSION -> session.close();
            case CONNECTION -> connection.close();
            case SOCKET -> connection.getTransport().stop();
        }
        MessageConsumer other = env.session().createConsumer(queue);
        for (int i = 0; i < 10; i++) {
            Message got = Env.receive(other);
            Env.equal(Integer.toString(i), ((TextMessage) got).getText(), "text");
            if (i < 4) {
                Env.equal(true, got.getJMSRedelivered(), "redelivered " + i);
                Env.equal(2, got.getIntProperty("JMSXDeliveryCount"), "JMSXDeliveryCount " + i);
            } else if (end != End.SOCKET) { // after a cut the broker cannot know what was seen
                Env.equal(false, got.getJMSRedelivered(), "redelivered " + i);
            }
        }
        Env.none(other);
    }

    /** Prefetched messages return to the front of the queue. */
    private static void orderAfterClose(Env env) throws Exception {
        Queue queue = env.queue("q");
        Session producer = env.session();
        Env.sendNumbers(producer, queue, 0, 50);
        Session first = env.session("jms.prefetchPolicy.all=20");
        Env.expectNumbers(first.createConsumer(queue), 0, 5);
        Session second = env.session("jms.prefetchPolicy.all=1");
        MessageConsumer waiting = second.createConsumer(queue);
        first.close();
        Env.sendNumbers(producer, queue, 50, 60);
        // the waiting consumer may have been given one message already
        int early = Integer.parseInt(Env.text(waiting));
        Env.check(early == 5 || early == 25, "first message " + early);
        for (int want = 5; want < 60; want++) {
            if (want != early) {
                Env.equal(Integer.toString(want), Env.text(waiting), "text");
            }
        }
    }

    private static void stopped(Env env) throws Exception {
        Queue queue = env.queue("q");
        ActiveMQConnection connection = env.connect();
        MessageConsumer consumer = connection.createSession(false, Session.AUTO_ACKNOWLEDGE).createConsumer(queue);
        connection.stop();
        Env.sendNumbers(env.session(), queue, 0, 3);
        Env.none(consumer);
        connection.start();
        Env.expectNumbers(consumer, 0, 3);
    }

    private static void listener(Env env) throws Exception {
        Queue queue = env.queue("q");
        List<String> got = new CopyOnWriteArrayList<>();
        env.session().createConsumer(queue).setMessageListener(m -> {
            try {
                got.add(((TextMessage) m).getText());
            } catch (Exception e) {
                got.add(e.toString());
            }
        });
        Env.sendNumbers(env.session(), queue, 0, 100);
        Env.await("100 messages", () -> got.size() == 100);
        for (int i = 0; i < 100; i++) {
            Env.equal(Integer.toString(i), got.get(i), "text");
        }
    }

    /** A listener that throws gets the message again, flagged. */
    private static void listenerException(Env env) throws Exception {
        Queue queue = env.queue("q");
        List<Boolean> flags = new CopyOnWriteArrayList<>();
        Session session = env.session("jms.redeliveryPolicy.initialRedeliveryDelay=10", "jms.redeliveryPolicy.redeliveryDelay=10");
        session.createConsumer(queue).setMessageListener(m -> {
            try {
                flags.add(m.getJMSRedelivered());
            } catch (Exception e) {
                return;
            }
            if (flags.size() < 3) {
                throw new IllegalStateException("on purpose");
            }
        });
        Env.sendNumbers(env.session(), queue, 0, 1);
        Env.await("third delivery", () -> flags.size() == 3);
        Env.equal(List.of(false, true, true), List.copyOf(flags), "redelivered flags");
        session.close();
        Env.none(env.session().createConsumer(queue));
    }

    private static void timeouts(Env env) throws Exception {
        Queue queue = env.queue("q");
        MessageConsumer consumer = env.session().createConsumer(queue);
        Env.equal(null, consumer.receiveNoWait(), "message");
        long start = System.nanoTime();
        Env.equal(null, consumer.receive(200), "message");
        long waited = (System.nanoTime() - start) / 1_000_000;
        Env.check(waited >= 190 && waited < 2000, "waited " + waited + " ms");
        Env.sendNumbers(env.session(), queue, 0, 1);
        Env.await("a message", () -> consumer.receiveNoWait() != null);
    }

    /** With a small prefetch a fast consumer gets more than one that is slow. */
    private static void slowAndFast(Env env) throws Exception {
        Queue queue = env.queue("q");
        AtomicInteger slow = new AtomicInteger();
        AtomicInteger fast = new AtomicInteger();
        env.session("jms.prefetchPolicy.all=1").createConsumer(queue).setMessageListener(m -> {
            slow.incrementAndGet();
            try {
                Thread.sleep(50);
            } catch (InterruptedException e) {
                return;
            }
        });
        env.session("jms.prefetchPolicy.all=1").createConsumer(queue).setMessageListener(m -> fast.incrementAndGet());
        Env.sendNumbers(env.session(), queue, 0, 200);
        Env.await("200 messages", () -> slow.get() + fast.get() == 200);
        Env.check(fast.get() > 2 * slow.get(), "fast " + fast + ", slow " + slow);
    }
}
