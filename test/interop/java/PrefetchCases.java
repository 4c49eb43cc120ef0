import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.Queue;
import javax.jms.Session;
import javax.jms.TextMessage;
import javax.jms.Topic;
import org.apache.activemq.command.ActiveMQQueue;

/** Prefetch is credit: how many messages a consumer may hold. */
final class PrefetchCases {
    private PrefetchCases() {
    }

    static void addTo(Suite suite) {
        suite.add("prefetch.0", PrefetchCases::zero);
        suite.add("prefetch.0.leaves.the.rest", PrefetchCases::zeroLeaves);
        suite.add("prefetch.0.transacted", PrefetchCases::zeroTransacted);
        suite.add("prefetch.1", env -> holdsAtMost(env, 1));
        suite.add("prefetch.10", env -> holdsAtMost(env, 10));
        suite.add("prefetch.1.client.ack", PrefetchCases::oneClientAck);
        suite.add("prefetch.destination.option", PrefetchCases::destinationOption);
        suite.add("prefetch.topic.1", PrefetchCases::topic);
    }

    private static void zero(Env env) throws Exception {
        Queue queue = env.queue("q");
        Session session = env.session("jms.prefetchPolicy.all=0");
        MessageConsumer consumer = session.createConsumer(queue);
        Env.equal(null, consumer.receiveNoWait(), "message");
        Env.equal(null, consumer.receive(100), "message");
        Env.sendNumbers(session, queue, 0, 20);
        Env.expectNumbers(consumer, 0, 10);
        for (int i = 10; i < 20; i++) {
            Message got = consumer.receiveNoWait();
            Env.check(got != null, "receiveNoWait " + i);
            Env.equal(Integer.toString(i), ((TextMessage) got).getText(), "text");
        }
        Env.equal(null, consumer.receiveNoWait(), "message");
        // a pull that waits in the broker is answered when a message comes
        Thread sender = new Thread(() -> {
            try {
                Thread.sleep(200);
                Env.sendNumbers(env.session(), queue, 20, 21);
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        });
        sender.start();
        Env.expectNumbers(consumer, 20, 21);
        sender.join();
    }

    private static void zeroLeaves(Env env) throws Exception {
        Queue queue = env.queue("q");
        Env.sendNumbers(env.session(), queue, 0, 10);
        MessageConsumer puller = env.session("jms.prefetchPolicy.all=0").createConsumer(queue);
        Env.expectNumbers(puller, 0, 1);
        MessageConsumer other = env.session().createConsumer(queue);
        Env.expectNumbers(other, 1, 10);
        Env.equal(null, puller.receiveNoWait(), "message");
    }

    private static void zeroTransacted(Env env) throws Exception {
        Queue queue = env.queue("q");
        Env.sendNumbers(env.session(), queue, 0, 5);
        Session session = env.connect("jms.prefetchPolicy.all=0", "jms.redeliveryPolicy.initialRedeliveryDelay=10")
            .createSession(true, Session.SESSION_TRANSACTED);
        MessageConsumer consumer = session.createConsumer(queue);
        Env.expectNumbers(consumer, 0, 3);
        session.rollback();
        Env.expectNumbers(consumer, 0, 5);
        session.commit();
        Env.none(consumer);
    }

    private static void holdsAtMost(Env env, int prefetch) throws Exception {
        Queue queue = env.queue("q");
        MessageConsumer idle = env.session("jms.prefetchPolicy.all=" + prefetch).createConsumer(queue);
        MessageConsumer busy = env.session("jms.prefetchPolicy.all=1").createConsumer(queue);
        Session session = env.session();
        for (int i = 0; i < 40; i++) {
            Env.sendNumbers(session, queue, i, i + 1);
        }
        int got = 0;
        while (busy.receive(got < 40 - prefetch ? Env.SOON : 300) != null) {
            got++;
        }
        Env.equal(40 - prefetch, got, "messages of the busy consumer");
        for (int i = 0; i < prefetch; i++) {
            Env.receive(idle);
        }
        Env.none(idle);
    }

    /** Unacknowledged messages count: the second comes as soon as the first was delivered, no further. */
    private static void oneClientAck(Env env) throws Exception {
        Queue queue = env.queue("q");
        Env.sendNumbers(env.session(), queue, 0, 10);
        Session session = env.connect("jms.prefetchPolicy.all=1").createSession(false, Session.CLIENT_ACKNOWLEDGE);
        MessageConsumer consumer = session.createConsumer(queue);
        Message first = Env.receive(consumer);
        first.acknowledge();
        MessageConsumer other = env.session().createConsumer(queue);
        int rest = 0;
        while (other.receive(rest < 8 ? Env.SOON : 300) != null) {
            rest++;
        }
        Env.equal(8, rest, "messages of the other consumer");
        Env.expectNumbers(consumer, 1, 2);
    }

    private static void destinationOption(Env env) throws Exception {
        Queue limited = new ActiveMQQueue(env.name("q") + "?consumer.prefetchSize=2");
        Session session = env.session();
        MessageConsumer idle = env.session().createConsumer(limited);
        Env.sendNumbers(session, env.queue("q"), 0, 10);
        Env.expectNumbers(env.session().createConsumer(env.queue("q")), 2, 10);
        Env.expectNumbers(idle, 0, 2);
    }

    /** A slow topic consumer gets all messages in the end. */
    private static void topic(Env env) throws Exception {
        Topic topic = env.topic("t");
        MessageConsumer slow = env.session("jms.prefetchPolicy.all=1").createConsumer(topic);
        MessageConsumer fast = env.session().createConsumer(topic);
        Env.sendNumbers(env.session(), topic, 0, 200);
        Env.expectNumbers(fast, 0, 200);
        Env.expectNumbers(slow, 0, 200);
    }
}
