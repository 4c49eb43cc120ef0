import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import javax.jms.BytesMessage;
import javax.jms.DeliveryMode;
import javax.jms.Destination;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Session;
import javax.jms.TextMessage;
import javax.jms.Topic;
import org.apache.activemq.ActiveMQConnection;
import org.apache.activemq.ActiveMQConnectionFactory;
import org.apache.activemq.ActiveMQMessageConsumer;
import org.apache.activemq.ActiveMQSession;
import org.apache.activemq.command.ActiveMQQueue;
import org.apache.activemq.command.ActiveMQTopic;

/**
 * Topic subscribers, and what policies say about them. The policy of a case is
 * the one for its name; see topic_test.go.
 */
final class TopicPolicyCases {
    private TopicPolicyCases() {
    }

    static void addTo(Suite suite) {
        suite.add("tp.oldest", env -> evicts(env, new int[] {4, 4, 4, 4, 4, 4, 4, 4}, "5,6,7"));
        suite.add("tp.lowest", env -> evicts(env, new int[] {4, 4, 5, 1, 9, 1, 7, 9}, "4,6,7"));
        suite.add("tp.priority", env -> evicts(env, new int[] {4, 4, 1, 9, 4, 9}, "3,5,1,4,2"));
        suite.addBetter("tp.priority.limit", env -> evicts(env, new int[] {4, 4, 1, 9, 4, 9}, "3,5,4"));
        suite.add("tp.unique", TopicPolicyCases::unique);
        suite.add("tp.rate", TopicPolicyCases::rate);
        suite.add("tp.zero", TopicPolicyCases::zero);
        suite.add("tp.consumer.limit", TopicPolicyCases::consumerLimit);
        suite.add("tp.dead.letter", TopicPolicyCases::deadLetter);
        suite.add("tp.slow.beside.fast", TopicPolicyCases::slowBesideFast);
        suite.add("tp.count", env -> recovers(env, 10, "7,8,9"));
        suite.add("tp.last", env -> recovers(env, 5, "4"));
        suite.add("tp.sized", env -> recovers(env, 5, "0,1,2,3,4"));
        suite.add("tp.timed", TopicPolicyCases::timed);
        suite.add("tp.always", TopicPolicyCases::always);
        suite.add("tp.retained", TopicPolicyCases::retained);
        suite.add("tp.retroactive.durable", TopicPolicyCases::retroactiveDurable);
        suite.add("tp.strict", TopicPolicyCases::strictOrder);
        suite.add("tp.client", TopicPolicyCases::clientID);
        suite.add("tp.abort", TopicPolicyCases::abort);
        suite.add("tp.abort.connection", TopicPolicyCases::abortConnection);
        suite.add("tp.abort.listener", TopicPolicyCases::abortListener);
        suite.add("tp.abort.durable", TopicPolicyCases::abortDurable);
        suite.add("tp.abort.connection.failover", TopicPolicyCases::abortFailover);
        suite.addBetter("tp.no.policy", TopicPolicyCases::limitWithoutPolicy);
        suite.add("tp.slowack", TopicPolicyCases::slowAck);
        suite.add("tp.individual", TopicPolicyCases::individual);
        suite.add("tp.optimized", TopicPolicyCases::optimized);
        suite.add("tp.transacted", TopicPolicyCases::transacted);
        suite.add("tp.pull", TopicPolicyCases::pull);
        suite.add("tp.once", TopicPolicyCases::once);
    }

    private static Topic topic(Env env, String options) {
        return new ActiveMQTopic(env.name("t") + options);
    }

    /** Sends texts "0", "1", …, each as prepare wants it. */
    private static void send(Session session, Destination to, int from, int until, int mode, Preparation prepare) throws JMSException {
        MessageProducer producer = session.createProducer(to);
        for (int i = from; i < until; i++) {
            TextMessage message = session.createTextMessage(Integer.toString(i));
            int priority = prepare == null ? 4 : prepare.of(message, i);
            producer.send(message, mode, priority, 0);
        }
        producer.close();
    }

    private interface Preparation {
        int of(Message message, int i) throws JMSException;
    }

    private static void send(Session session, Destination to, int from, int until) throws JMSException {
        send(session, to, from, until, DeliveryMode.NON_PERSISTENT, null);
    }

    /** The texts that come, until none comes for a while. */
    private static String drain(MessageConsumer consumer) throws JMSException {
        List<String> texts = new ArrayList<>();
        for (Message m = consumer.receive(Env.NEVER); m != null; m = consumer.receive(Env.NEVER)) {
            texts.add(((TextMessage) m).getText());
        }
        return String.join(",", texts);
    }

    /** A client that has one message at a time; what waits is in the broker. */
    private static MessageConsumer slow(Env env, String options) throws JMSException {
        return env.session("jms.prefetchPolicy.topicPrefetch=1").createConsumer(topic(env, options));
    }

    /** A session that sends when it says so. */
    private static Session sender(Env env) throws JMSException {
        return env.session("jms.alwaysSyncSend=true");
    }

    private static void evicts(Env env, int[] priorities, String left) throws Exception {
        MessageConsumer consumer = slow(env, "");
        send(sender(env), topic(env, ""), 0, priorities.length, DeliveryMode.NON_PERSISTENT, (m, i) -> priorities[i]);
        Env.equal("0," + left, drain(consumer), "received");
    }

    private static void unique(Env env) throws Exception {
        MessageConsumer consumer = slow(env, "");
        String[] colours = {null, "red", "blue", "red", "blue", "green"};
        send(sender(env), topic(env, ""), 0, colours.length, DeliveryMode.NON_PERSISTENT, (m, i) -> {
            if (colours[i] != null) {
                m.setStringProperty("colour", colours[i]);
            }
            pauseAMillisecond();
            return 4;
        });
        Env.equal("0,3,4,5", drain(consumer), "received");
    }

    /** Timestamps decide which is newer. */
    private static void pauseAMillisecond() {
        long now = System.currentTimeMillis();
        while (System.currentTimeMillis() < now + 2) {
            Thread.onSpinWait();
        }
    }

    private static void rate(Env env) throws Exception {
        MessageConsumer consumer = env.session("jms.prefetchPolicy.topicPrefetch=2").createConsumer(topic(env, ""));
        send(sender(env), topic(env, ""), 0, 10);
        Env.equal("0,1,7,8,9", drain(consumer), "received");
    }

    private static void zero(Env env) throws Exception {
        MessageConsumer consumer = env.session("jms.prefetchPolicy.topicPrefetch=3").createConsumer(topic(env, ""));
        send(sender(env), topic(env, ""), 0, 10);
        Env.equal("0,1,2", drain(consumer), "received");
    }

    private static void consumerLimit(Env env) throws Exception {
        MessageConsumer lower = slow(env, "?consumer.maximumPendingMessageLimit=2");
        MessageConsumer higher = slow(env, "?consumer.maximumPendingMessageLimit=20");
        send(sender(env), topic(env, ""), 0, 10);
        Env.equal("0,8,9", drain(lower), "with the lower limit");
        Env.equal("0,5,6,7,8,9", drain(higher), "with the higher limit");
    }

    private static void deadLetter(Env env) throws Exception {
        MessageConsumer a = slow(env, "");
        MessageConsumer b = slow(env, "");
        Session session = sender(env);
        send(session, topic(env, ""), 0, 4, DeliveryMode.PERSISTENT, null);
        MessageConsumer dead = session.createConsumer(new ActiveMQQueue("TP.DLQ." + topic(env, "").getTopicName()));
        for (int i = 1; i < 3; i++) {
            Message m = Env.receive(dead);
            Env.equal(Integer.toString(i), ((TextMessage) m).getText(), "dead letter");
            String cause = m.getStringProperty("dlqDeliveryFailureCause");
            Env.check(cause != null && cause.contains("TopicSubDiscard"), "cause " + cause);
        }
        Env.none(dead);
        Env.equal("0,3", drain(a), "received");
        Env.equal("0,3", drain(b), "received");
    }

    private static void slowBesideFast(Env env) throws Exception {
        MessageConsumer slow = slow(env, "");
        MessageConsumer fast = env.session().createConsumer(topic(env, ""));
        Session session = env.session();
        for (int i = 0; i < 2000; i += 200) {
            send(session, topic(env, ""), i, i + 200);
            Env.expectNumbers(fast, i, i + 200);
        }
        String got = drain(slow);
        Env.check(got.startsWith("0,") && got.endsWith(",1999") && got.split(",").length == 11, "received " + got);
    }

    private static void recovers(Env env, int n, String kept) throws Exception {
        Session session = env.session();
        send(session, topic(env, ""), 0, n);
        MessageConsumer plain = session.createConsumer(topic(env, ""));
        MessageConsumer retroactive = session.createConsumer(topic(env, "?consumer.retroactive=true"));
        MessageConsumer wild = session.createConsumer(new ActiveMQTopic(env.name(">") + "?consumer.retroactive=true"));
        Message first = Env.receive(retroactive);
        Env.check(!first.getJMSRedelivered(), "redelivered");
        Env.equal(kept, String.join(",", join(((TextMessage) first).getText(), drain(retroactive))), "kept");
        Env.equal(kept, drain(wild), "kept, for a pattern");
        Env.equal("", drain(plain), "for one that is not retroactive");
        send(session, topic(env, ""), n, n + 1);
        Env.expectNumbers(retroactive, n, n + 1);
        Env.expectNumbers(plain, n, n + 1);
    }

    private static List<String> join(String first, String rest) {
        return rest.isEmpty() ? List.of(first) : List.of(first, rest);
    }

    private static void timed(Env env) throws Exception {
        Session session = env.session();
        send(session, topic(env, ""), 0, 3);
        MessageConsumer soon = session.createConsumer(topic(env, "?consumer.retroactive=true"));
        Env.equal("0,1,2", drain(soon), "kept");
        Env.await("forgotten", () -> {
            MessageConsumer late = session.createConsumer(topic(env, "?consumer.retroactive=true"));
            String got = drain(late);
            late.close();
            return got.isEmpty();
        });
    }

    private static void always(Env env) throws Exception {
        Session session = env.session();
        send(session, topic(env, ""), 0, 5, DeliveryMode.NON_PERSISTENT, (m, i) -> {
            m.setIntProperty("n", i);
            return 4;
        });
        Env.equal("2,3,4", drain(session.createConsumer(topic(env, ""))), "kept");
        Env.equal("4", drain(session.createConsumer(topic(env, ""), "n = 4")), "kept and selected");
    }

    private static void retained(Env env) throws Exception {
        Session session = env.session();
        MessageConsumer live = session.createConsumer(topic(env, ""));
        send(session, topic(env, ""), 0, 2, DeliveryMode.PERSISTENT, (m, i) -> {
            m.setBooleanProperty("ActiveMQ.Retain", true);
            return 4;
        });
        send(session, topic(env, ""), 2, 3);
        Message m = Env.receive(live);
        Env.check(!m.propertyExists("ActiveMQ.Retain") && !m.propertyExists("ActiveMQ.Retained"), "marked when live");
        MessageConsumer late = session.createConsumer(topic(env, "?consumer.retroactive=true"));
        m = Env.receive(late);
        Env.equal("1", ((TextMessage) m).getText(), "text");
        Env.check(m.getBooleanProperty("ActiveMQ.Retained"), "not marked as retained");
        Env.none(late);
        MessageProducer producer = session.createProducer(topic(env, ""));
        BytesMessage empty = session.createBytesMessage();
        empty.setBooleanProperty("ActiveMQ.Retain", true);
        empty.writeByte((byte) 1);
        producer.send(empty);
        Env.check(Env.receive(session.createConsumer(topic(env, "?consumer.retroactive=true"))) instanceof BytesMessage, "not the last");
    }

    private static void retroactiveDurable(Env env) throws Exception {
        Session sender = env.session();
        send(sender, topic(env, ""), 0, 5);
        ActiveMQConnection connection = env.start(env.factory(), env.name("c"));
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageConsumer first = session.createDurableSubscriber(topic(env, "?consumer.retroactive=true"), "s");
        Env.equal("2,3,4", drain(first), "kept");
        first.close();
        session.unsubscribe("s");
    }

    private static void strictOrder(Env env) throws Exception {
        List<MessageConsumer> consumers = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            consumers.add(env.session().createConsumer(topic(env, "")));
        }
        Thread[] senders = new Thread[3];
        AtomicReference<Exception> failed = new AtomicReference<>();
        for (int i = 0; i < senders.length; i++) {
            Session session = env.session();
            int from = i * 1000;
            senders[i] = new Thread(() -> {
                try {
                    send(session, topic(env, ""), from, from + 100);
                } catch (JMSException e) {
                    failed.set(e);
                }
            });
            senders[i].start();
        }
        for (Thread t : senders) {
            t.join();
        }
        Env.equal(null, failed.get(), "failure");
        List<String> want = new ArrayList<>();
        for (int k = 0; k < consumers.size(); k++) {
            for (int i = 0; i < 300; i++) {
                String text = Env.text(consumers.get(k));
                if (k == 0) {
                    want.add(text);
                } else {
                    Env.equal(want.get(i), text, "message " + i);
                }
            }
        }
    }

    private static void clientID(Env env) throws Exception {
        Topic topic = new ActiveMQTopic(env.name("x.PTP"));
        MessageConsumer[] consumers = new MessageConsumer[2];
        for (int i = 0; i < 2; i++) {
            consumers[i] = env.start(env.factory(), env.name("c" + i)).createSession(false, Session.AUTO_ACKNOWLEDGE).createConsumer(topic);
        }
        send(env.session(), topic, 0, 4, DeliveryMode.NON_PERSISTENT, (m, i) -> {
            if (i < 3) {
                m.setStringProperty("PTP_CLIENTID", env.name("c" + i % 2));
            }
            return 4;
        });
        Env.equal("0,2,3", drain(consumers[0]), "first client");
        Env.equal("1,3", drain(consumers[1]), "second client");
    }

    /** A consumer that is too slow is closed by its client, which goes on otherwise. */
    private static void abort(Env env) throws Exception {
        ActiveMQConnection connection = env.connect("jms.prefetchPolicy.topicPrefetch=2");
        AtomicReference<JMSException> heard = new AtomicReference<>();
        connection.setExceptionListener(heard::set);
        ActiveMQSession session = (ActiveMQSession) connection.createSession(false, Session.CLIENT_ACKNOWLEDGE);
        MessageConsumer slow = session.createConsumer(topic(env, ""));
        Session other = env.session();
        MessageConsumer fast = other.createConsumer(topic(env, ""));
        send(other, topic(env, ""), 0, 10);
        Env.expectNumbers(fast, 0, 10);
        closed(slow);
        send(other, topic(env, ""), 10, 12);
        Env.expectNumbers(fast, 10, 12);
        MessageConsumer again = session.createConsumer(topic(env, ""));
        send(other, topic(env, ""), 12, 13);
        Env.expectNumbers(again, 12, 13);
        Env.equal(null, heard.get(), "exception");
    }

    /** Waits until the client library has closed a consumer by itself. */
    private static void closed(MessageConsumer consumer) throws Exception {
        Env.await("closed", () -> {
            try {
                ((ActiveMQMessageConsumer) consumer).getMessageSelector();
                return false;
            } catch (javax.jms.IllegalStateException e) {
                return true;
            }
        });
    }

    private static void abortConnection(Env env) throws Exception {
        ActiveMQConnection connection = env.connect("jms.prefetchPolicy.topicPrefetch=2");
        CountDownLatch gone = new CountDownLatch(1);
        connection.setExceptionListener(e -> gone.countDown());
        connection.createSession(false, Session.CLIENT_ACKNOWLEDGE).createConsumer(topic(env, ""));
        Session other = env.session();
        send(other, topic(env, ""), 0, 10);
        Env.check(gone.await(Env.SOON, TimeUnit.MILLISECONDS), "connection was not closed");
        send(other, topic(env, ""), 10, 11);
    }

    /** A listener that is busy for longer than its client is waited for hears of no error. */
    private static void abortListener(Env env) throws Exception {
        ActiveMQConnection connection = env.connect("jms.prefetchPolicy.topicPrefetch=2");
        AtomicReference<JMSException> heard = new AtomicReference<>();
        connection.setExceptionListener(heard::set);
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageConsumer slow = session.createConsumer(topic(env, ""));
        CountDownLatch release = new CountDownLatch(1);
        List<String> got = java.util.Collections.synchronizedList(new ArrayList<>());
        slow.setMessageListener(m -> {
            try {
                got.add(((TextMessage) m).getText());
                release.await();
            } catch (JMSException | InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
        Session other = env.session();
        send(other, topic(env, ""), 0, 10);
        Thread releaser = new Thread(() -> {
            try {
                Thread.sleep(2_000); // the case is about being late
                release.countDown();
            } catch (InterruptedException e) {
                // the case is over
            }
        });
        releaser.start();
        closed(slow);
        releaser.join();
        Env.check(got.size() <= 2, "went on: " + got); // the client has two
        Env.equal(null, heard.get(), "exception");
    }

    /** A durable subscription outlives its slow consumer, and keeps what that had. */
    private static void abortDurable(Env env) throws Exception {
        ActiveMQConnection connection = env.start(env.factory("jms.prefetchPolicy.durableTopicPrefetch=2"), env.name("c"));
        Session session = connection.createSession(false, Session.CLIENT_ACKNOWLEDGE);
        MessageConsumer slow = session.createDurableSubscriber((Topic) topic(env, ""), "s");
        send(env.session(), topic(env, ""), 0, 10, DeliveryMode.PERSISTENT, null);
        closed(slow);
        Session again = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        AtomicReference<MessageConsumer> next = new AtomicReference<>();
        Env.await("subscription is free", () -> {
            try {
                next.set(again.createDurableSubscriber(topic(env, ""), "s"));
                return true;
            } catch (JMSException e) {
                return false;
            }
        });
        Env.expectNumbers(next.get(), 0, 10);
        next.get().close();
        again.unsubscribe("s");
    }

    /** A failover client whose connection is ended comes back by itself. */
    private static void abortFailover(Env env) throws Exception {
        ActiveMQConnectionFactory factory = env.factory();
        factory.setBrokerURL("failover:(" + factory.getBrokerURL() + ")?initialReconnectDelay=10&jms.prefetchPolicy.topicPrefetch=2");
        ActiveMQConnection connection = env.start(factory, null);
        CountDownLatch resumed = new CountDownLatch(1);
        AtomicReference<JMSException> heard = new AtomicReference<>();
        connection.setExceptionListener(heard::set);
        connection.addTransportListener(new org.apache.activemq.transport.DefaultTransportListener() {
            @Override
            public void transportResumed() {
                resumed.countDown();
            }
        });
        MessageConsumer consumer = connection.createSession(false, Session.CLIENT_ACKNOWLEDGE).createConsumer(topic(env, ""));
        Session other = env.session();
        send(other, topic(env, ""), 0, 10);
        Env.check(resumed.await(Env.SOON, TimeUnit.MILLISECONDS), "not connected again");
        Env.equal(null, heard.get(), "exception");
        Env.await("a message on the new connection", () -> {
            send(other, topic(env, ""), 10, 11);
            Message m = consumer.receive(100);
            return m != null && ((TextMessage) m).getText().equals("10");
        });
    }

    /** A consumer's own limit counts where no policy has one. */
    private static void limitWithoutPolicy(Env env) throws Exception {
        MessageConsumer limited = slow(env, "?consumer.maximumPendingMessageLimit=2");
        MessageConsumer unlimited = slow(env, "");
        send(sender(env), topic(env, ""), 0, 10);
        Env.equal("0,8,9", drain(limited), "with a limit");
        Env.equal("0,1,2,3,4,5,6,7,8,9", drain(unlimited), "without a limit");
    }

    /** Who has messages and does not acknowledge is closed; they go to the next one. */
    private static void slowAck(Env env) throws Exception {
        Session session = env.connect().createSession(false, Session.CLIENT_ACKNOWLEDGE);
        Destination queue = env.queue("q");
        MessageConsumer idle = session.createConsumer(env.queue("idle"));
        MessageConsumer onQueue = session.createConsumer(queue);
        MessageConsumer onTopic = session.createConsumer(topic(env, ""));
        Session other = env.session();
        send(other, queue, 0, 3);
        send(other, topic(env, ""), 0, 3);
        Env.text(onQueue);
        closed(onQueue);
        closed(onTopic);
        Env.expectNumbers(other.createConsumer(queue), 0, 3);
        send(other, env.queue("idle"), 0, 1);
        Env.expectNumbers(idle, 0, 1);
    }

    private static void individual(Env env) throws Exception {
        ActiveMQConnection connection = env.connect("jms.prefetchPolicy.topicPrefetch=4");
        Session session = connection.createSession(false, ActiveMQSession.INDIVIDUAL_ACKNOWLEDGE);
        MessageConsumer consumer = session.createConsumer(topic(env, ""));
        send(env.session(), topic(env, ""), 0, 40);
        for (int i = 0; i < 40; i++) {
            Message m = Env.receive(consumer);
            Env.equal(Integer.toString(i), ((TextMessage) m).getText(), "text");
            m.acknowledge();
        }
        Env.none(consumer);
    }

    private static void optimized(Env env) throws Exception {
        ActiveMQConnectionFactory factory = env.factory("jms.optimizeAcknowledge=true", "jms.prefetchPolicy.topicPrefetch=50",
            "jms.prefetchPolicy.optimizeDurableTopicPrefetch=50");
        MessageConsumer consumer = env.start(factory, null).createSession(false, Session.AUTO_ACKNOWLEDGE).createConsumer(topic(env, ""));
        send(env.session(), topic(env, ""), 0, 1000);
        Env.expectNumbers(consumer, 0, 1000);
        Env.none(consumer);
    }

    private static void transacted(Env env) throws Exception {
        Session session = env.connect("jms.prefetchPolicy.topicPrefetch=4", "jms.redeliveryPolicy.initialRedeliveryDelay=0")
            .createSession(true, Session.SESSION_TRANSACTED);
        MessageConsumer consumer = session.createConsumer(topic(env, ""));
        send(env.session(), topic(env, ""), 0, 12);
        Env.expectNumbers(consumer, 0, 3);
        session.rollback();
        for (int i = 0; i < 3; i++) {
            Message m = Env.receive(consumer);
            Env.equal(Integer.toString(i), ((TextMessage) m).getText(), "text");
            Env.check(m.getJMSRedelivered(), i + " is not marked as redelivered");
        }
        session.commit();
        Env.expectNumbers(consumer, 3, 12);
        session.commit();
        Env.none(consumer);
    }

    private static void pull(Env env) throws Exception {
        MessageConsumer consumer = env.session("jms.prefetchPolicy.topicPrefetch=0").createConsumer(topic(env, ""));
        Env.equal(null, consumer.receiveNoWait(), "before");
        send(env.session(), topic(env, ""), 0, 20);
        Env.expectNumbers(consumer, 0, 20);
        Env.equal(null, consumer.receive(50), "after");
    }

    /** A message comes once, however many parts of a consumer's destination match. */
    private static void once(Env env) throws Exception {
        Session session = env.session();
        MessageConsumer consumer = session.createConsumer(new ActiveMQTopic(env.name("*") + "," + env.name(">") + "," + env.name("t")));
        MessageConsumer local = session.createConsumer(topic(env, ""), null, true);
        send(session, topic(env, ""), 0, 3);
        Env.equal("0,1,2", drain(consumer), "received");
        Env.equal("", drain(local), "own messages");
        send(env.session(), topic(env, ""), 3, 4);
        Env.equal("3", drain(local), "others' messages");
    }
}
