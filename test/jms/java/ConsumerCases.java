import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Queue;
import javax.jms.QueueBrowser;
import javax.jms.Session;
import javax.jms.TextMessage;
import javax.jms.Topic;
import org.apache.activemq.ActiveMQConnection;
import org.apache.activemq.ActiveMQSession;
import org.apache.activemq.command.ActiveMQQueue;
import org.apache.activemq.command.ActiveMQTopic;

/** Which consumer of a queue gets a message, how many ahead, and how often. */
final class ConsumerCases {
    private static final String FAST = "jms.redeliveryPolicy.initialRedeliveryDelay=10";
    private static final int INDIVIDUAL = ActiveMQSession.INDIVIDUAL_ACKNOWLEDGE;

    private ConsumerCases() {
    }

    static void addTo(Suite suite) {
        suite.add("consumer.exclusive", ConsumerCases::exclusive);
        suite.add("consumer.exclusive.priority", ConsumerCases::exclusivePriority);
        suite.add("consumer.exclusive.by.default", ConsumerCases::exclusiveByDefault);
        suite.add("consumer.priority", ConsumerCases::priority);
        suite.add("consumer.priority.unused", ConsumerCases::priorityUnused);
        suite.add("consumer.round.robin", ConsumerCases::roundRobin);
        suite.add("consumer.strict.order", ConsumerCases::strictOrder);
        suite.add("consumer.option.selector", ConsumerCases::selectorOption);
        suite.add("consumer.option.nolocal", ConsumerCases::noLocalOption);
        suite.add("consumer.option.pending.limit", ConsumerCases::pendingLimitOption);
        suite.add("consumer.option.dispatch.sync", ConsumerCases::dispatchSync);
        suite.add("consumer.option.unknown", ConsumerCases::unknownOption);
        suite.add("consumer.policy.prefetch.2", ConsumerCases::policyPrefetch);
        suite.add("consumer.policy.prefetch.0", ConsumerCases::policyPull);
        suite.add("consumer.policy.prefetch.topics", ConsumerCases::policyTopics);
        suite.add("consumer.no.extension", env -> extension(env, 2));
        suite.add("consumer.extension", env -> extension(env, 4));
        suite.add("consumer.pull.many", ConsumerCases::pullMany);
        suite.add("consumer.pull.selector", ConsumerCases::pullSelector);
        suite.add("consumer.pull.timeout", ConsumerCases::pullTimeout);
        suite.add("consumer.individual.any.order", ConsumerCases::individual);
        suite.add("consumer.individual.recover", ConsumerCases::individualRecover);
        suite.add("consumer.optimized.timeout", ConsumerCases::optimizedTimeout);
        suite.add("consumer.dups.ok.batches", ConsumerCases::dupsOk);
        for (int mode : new int[] {Session.AUTO_ACKNOWLEDGE, Session.DUPS_OK_ACKNOWLEDGE, Session.CLIENT_ACKNOWLEDGE, Session.SESSION_TRANSACTED, INDIVIDUAL}) {
            suite.add("consumer.delivery.count." + mode, env -> deliveryCount(env, mode));
        }
        suite.add("consumer.poison.transacted", env -> poison(env, "jms.nonBlockingRedelivery=false"));
        suite.add("consumer.poison.nonblocking", env -> poison(env, "jms.nonBlockingRedelivery=true"));
        suite.add("consumer.poison.listener", ConsumerCases::poisonListener);
        suite.add("consumer.backoff", ConsumerCases::backOff);
        suite.add("consumer.nonblocking.others.pass", ConsumerCases::nonBlocking);
        suite.add("consumer.browser.prefetch", ConsumerCases::browserPrefetch);
        suite.add("producer.window", env -> produce(env, "jms.producerWindowSize=4096"));
        suite.add("producer.always.sync", env -> produce(env, "jms.alwaysSyncSend=true"));
        suite.add("producer.async", env -> produce(env, "jms.useAsyncSend=true"));
        suite.add("producer.dispatch.sync", env -> produce(env, "jms.dispatchAsync=false"));
    }

    private static Queue with(Env env, String options) {
        return new ActiveMQQueue(env.name("q") + "?" + options);
    }

    private static void numbers(Env env, int from, int until) throws JMSException {
        Env.sendNumbers(env.session(), env.queue("q"), from, until);
    }

    private static void exclusive(Env env) throws Exception {
        Queue queue = with(env, "consumer.exclusive=true");
        MessageConsumer plain = env.session().createConsumer(env.queue("q"));
        MessageConsumer a = env.session().createConsumer(queue);
        MessageConsumer b = env.session().createConsumer(queue);
        numbers(env, 0, 20);
        Env.expectNumbers(a, 0, 20);
        a.close();
        numbers(env, 0, 20);
        Env.expectNumbers(b, 0, 20);
        b.close();
        numbers(env, 0, 20);
        Env.expectNumbers(plain, 0, 20);
    }

    private static void exclusivePriority(Env env) throws Exception {
        MessageConsumer low = env.session().createConsumer(with(env, "consumer.exclusive=true&consumer.priority=1"));
        numbers(env, 0, 3);
        Env.expectNumbers(low, 0, 3);
        MessageConsumer same = env.session().createConsumer(with(env, "consumer.exclusive=true&consumer.priority=1"));
        MessageConsumer high = env.session().createConsumer(with(env, "consumer.exclusive=true&consumer.priority=2"));
        numbers(env, 0, 3);
        Env.expectNumbers(high, 0, 3);
        MessageConsumer last = env.session().createConsumer(with(env, "consumer.exclusive=true&consumer.priority=127"));
        numbers(env, 0, 3);
        Env.expectNumbers(last, 0, 3);
        last.close();
        high.close();
        numbers(env, 0, 3);
        Env.expectNumbers(low, 0, 3);
        Env.none(same);
    }

    private static void exclusiveByDefault(Env env) throws Exception {
        MessageConsumer a = env.session().createConsumer(env.queue("q"));
        MessageConsumer b = env.session().createConsumer(env.queue("q"));
        numbers(env, 0, 10);
        Env.expectNumbers(a, 0, 10);
        Env.none(b);
        a.close();
        numbers(env, 0, 10);
        Env.expectNumbers(b, 0, 10);
    }

    /** The rest goes to lower priorities when the highest have no credit. */
    private static void priority(Env env) throws Exception {
        MessageConsumer low = env.session().createConsumer(with(env, "consumer.priority=1"));
        MessageConsumer high = env.session().createConsumer(with(env, "consumer.priority=5&consumer.prefetchSize=3"));
        numbers(env, 0, 8);
        Env.expectNumbers(low, 3, 8);
        Env.expectNumbers(high, 0, 3);
        numbers(env, 0, 2);
        Env.expectNumbers(high, 0, 2);
        Env.none(low);
    }

    private static void priorityUnused(Env env) throws Exception {
        MessageConsumer low = env.session().createConsumer(with(env, "consumer.priority=1"));
        MessageConsumer high = env.session().createConsumer(with(env, "consumer.priority=5"));
        numbers(env, 0, 10);
        Env.equal(5, drain(low), "messages of the lower");
        Env.equal(5, drain(high), "messages of the higher");
    }

    private static int drain(MessageConsumer consumer) throws JMSException {
        int n = 0;
        while (consumer.receive(Env.NEVER) != null) {
            n++;
        }
        return n;
    }

    private static void roundRobin(Env env) throws Exception {
        List<MessageConsumer> consumers = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            consumers.add(env.session().createConsumer(env.queue("q")));
        }
        numbers(env, 0, 30);
        for (int i = 0; i < 3; i++) {
            for (int n = i; n < 30; n += 3) {
                Env.equal(Integer.toString(n), Env.text(consumers.get(i)), "text");
            }
        }
    }

    private static void strictOrder(Env env) throws Exception {
        MessageConsumer a = env.session().createConsumer(with(env, "consumer.prefetchSize=6"));
        MessageConsumer b = env.session().createConsumer(env.queue("q"));
        numbers(env, 0, 10);
        Env.expectNumbers(b, 6, 10);
        Env.expectNumbers(a, 0, 6);
    }

    private static void selectorOption(Env env) throws Exception {
        Session session = env.session();
        MessageConsumer odd = session.createConsumer(with(env, "consumer.selector=odd%3Dtrue"));
        MessageProducer producer = session.createProducer(env.queue("q"));
        for (int i = 0; i < 6; i++) {
            Message message = session.createTextMessage(Integer.toString(i));
            message.setBooleanProperty("odd", i % 2 == 1);
            producer.send(message);
        }
        for (int i = 1; i < 6; i += 2) {
            Env.equal(Integer.toString(i), Env.text(odd), "text");
        }
        Env.none(odd);
    }

    private static void noLocalOption(Env env) throws Exception {
        Topic topic = new ActiveMQTopic(env.name("t") + "?consumer.noLocal=true");
        Session session = env.session();
        MessageConsumer consumer = session.createConsumer(topic);
        Env.sendNumbers(session, env.topic("t"), 0, 3);
        Env.sendNumbers(env.session(), env.topic("t"), 10, 12);
        Env.expectNumbers(consumer, 10, 12);
        Env.none(consumer);
    }

    private static void pendingLimitOption(Env env) throws Exception {
        Topic topic = new ActiveMQTopic(env.name("t") + "?consumer.maximumPendingMessageLimit=5&consumer.prefetchSize=1");
        MessageConsumer consumer = env.session().createConsumer(topic);
        Env.sendNumbers(env.session(), env.topic("t"), 0, 50);
        int n = drain(consumer);
        Env.check(n >= 5 && n <= 8, n + " messages of 50");
    }

    private static void dispatchSync(Env env) throws Exception {
        MessageConsumer consumer = env.session().createConsumer(with(env, "consumer.dispatchAsync=false&consumer.retroactive=true"));
        numbers(env, 0, 10);
        Env.expectNumbers(consumer, 0, 10);
    }

    private static void unknownOption(Env env) throws Exception {
        Session session = env.session();
        Env.expect(Exception.class, () -> session.createConsumer(with(env, "consumer.flavour=salty")));
        numbers(env, 0, 1);
        Env.expectNumbers(session.createConsumer(env.queue("q")), 0, 1);
    }

    /** A policy's prefetch is for those who asked for no other. */
    private static void policyPrefetch(Env env) throws Exception {
        MessageConsumer byDefault = env.session().createConsumer(env.queue("q"));
        MessageConsumer own = env.session().createConsumer(with(env, "consumer.prefetchSize=5"));
        numbers(env, 0, 10);
        MessageConsumer rest = env.session().createConsumer(with(env, "consumer.prefetchSize=100"));
        Env.equal(3, drain(rest), "messages beyond 2 and 5");
        Env.equal(2, drain(byDefault), "messages of the policy");
        Env.equal(5, drain(own), "messages of the client's own");
    }

    /** A consumer that the policy leaves no prefetch is told to pull. */
    private static void policyPull(Env env) throws Exception {
        MessageConsumer puller = env.session().createConsumer(env.queue("q"));
        numbers(env, 0, 10);
        MessageConsumer other = env.session().createConsumer(with(env, "consumer.prefetchSize=100"));
        int got = 0;
        while (other.receive(got < 9 ? Env.SOON : Env.NEVER) != null) {
            got++;
        }
        Env.check(got >= 9, "the other got " + got); // the client pulls one when it is told
        numbers(env, 0, 1);
        Env.check(other.receive(Env.NEVER) != null || puller.receive(Env.NEVER) != null, "nobody got it");
        other.close();
        numbers(env, 20, 22);
        Env.check(drain(puller) >= 2, "the puller got nothing");
    }

    private static void policyTopics(Env env) throws Exception {
        Session session = env.session();
        MessageConsumer plain = session.createConsumer(env.topic("t"));
        ActiveMQConnection connection = env.start(env.factory(), env.name("client"));
        MessageConsumer durable = connection.createSession(false, Session.AUTO_ACKNOWLEDGE).createDurableSubscriber(env.topic("t"), "s");
        Env.sendNumbers(env.session(), env.topic("t"), 0, 50);
        Env.expectNumbers(plain, 0, 50);
        Env.expectNumbers(durable, 0, 50);
    }

    /** With the extension a consumer is given more when its application has had half of what it holds. */
    private static void extension(Env env, int want) throws Exception {
        numbers(env, 0, 10);
        Session session = env.connect("jms.prefetchPolicy.all=2").createSession(false, Session.CLIENT_ACKNOWLEDGE);
        MessageConsumer consumer = session.createConsumer(env.queue("q"));
        Message last = null;
        int got = 0;
        for (Message m = consumer.receive(500); m != null && got < 4; m = got < want ? consumer.receive(500) : null) {
            last = m;
            got++;
        }
        Env.equal(want, got, "messages without an acknowledgement");
        last.acknowledge();
        Env.expectNumbers(consumer, want, want + 2);
    }

    private static void pullMany(Env env) throws Exception {
        int total = 60;
        Set<String> seen = Collections.synchronizedSet(new HashSet<>());
        List<Thread> threads = new ArrayList<>();
        List<Throwable> failures = Collections.synchronizedList(new ArrayList<>());
        for (int i = 0; i < 6; i++) {
            boolean transacted = i % 2 == 0;
            Thread thread = new Thread(() -> {
                try {
                    Session session = env.connect("jms.prefetchPolicy.all=0").createSession(transacted, transacted ? Session.SESSION_TRANSACTED : Session.AUTO_ACKNOWLEDGE);
                    MessageConsumer consumer = session.createConsumer(env.queue("q"));
                    while (seen.size() < total) {
                        Message got = consumer.receive(50);
                        if (got == null) {
                            continue;
                        }
                        Env.check(seen.add(((TextMessage) got).getText()), "twice: " + got);
                        if (transacted) {
                            session.commit();
                        }
                    }
                } catch (Throwable e) {
                    failures.add(e);
                }
            });
            thread.start();
            threads.add(thread);
        }
        numbers(env, 0, total);
        for (Thread thread : threads) {
            thread.join(Env.SOON);
        }
        Env.equal(List.of(), failures, "failures");
        Env.equal(total, seen.size(), "messages");
    }

    private static void pullSelector(Env env) throws Exception {
        Session session = env.session("jms.prefetchPolicy.all=0");
        MessageConsumer consumer = session.createConsumer(env.queue("q"), "n >= 3");
        MessageProducer producer = session.createProducer(env.queue("q"));
        for (int i = 0; i < 6; i++) {
            Message message = session.createTextMessage(Integer.toString(i));
            message.setIntProperty("n", i);
            producer.send(message);
        }
        Env.expectNumbers(consumer, 3, 6);
        Env.equal(null, consumer.receiveNoWait(), "message");
        Env.equal(null, consumer.receive(50), "message");
        consumer.close();
        Env.expectNumbers(session.createConsumer(env.queue("q")), 0, 3);
    }

    private static void pullTimeout(Env env) throws Exception {
        MessageConsumer consumer = env.session("jms.prefetchPolicy.all=0").createConsumer(env.queue("q"));
        long begin = System.nanoTime();
        Env.equal(null, consumer.receive(300), "message");
        long took = (System.nanoTime() - begin) / 1_000_000;
        Env.check(took >= 290 && took < 3000, "receive(300) took " + took + " ms");
        numbers(env, 0, 2);
        MessageConsumer other = env.session().createConsumer(env.queue("q"));
        Env.expectNumbers(other, 0, 2); // the pull that timed out holds nothing
    }

    private static void individual(Env env) throws Exception {
        numbers(env, 0, 12);
        Session session = env.connect("jms.prefetchPolicy.all=4").createSession(false, INDIVIDUAL);
        MessageConsumer consumer = session.createConsumer(env.queue("q"));
        List<Message> held = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            held.add(Env.receive(consumer));
        }
        held.remove(2).acknowledge();
        held.remove(0).acknowledge();
        held.add(Env.receive(consumer));
        held.add(Env.receive(consumer));
        for (Message message : held) {
            Env.check(!((TextMessage) message).getText().matches("[02]"), "acknowledged");
        }
        session.close();
        MessageConsumer rest = env.session().createConsumer(env.queue("q"));
        Env.expectNumbers(rest, 1, 2);
        Env.expectNumbers(rest, 3, 12);
    }

    private static void individualRecover(Env env) throws Exception {
        numbers(env, 0, 4);
        Session session = env.connect(FAST).createSession(false, INDIVIDUAL);
        MessageConsumer consumer = session.createConsumer(env.queue("q"));
        List<Message> held = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            held.add(Env.receive(consumer));
        }
        held.get(1).acknowledge();
        session.recover();
        for (int i : new int[] {0, 2, 3}) {
            Message got = Env.receive(consumer);
            Env.equal(Integer.toString(i), ((TextMessage) got).getText(), "text");
            Env.equal(2, got.getIntProperty("JMSXDeliveryCount"), "JMSXDeliveryCount");
            got.acknowledge();
        }
        Env.none(consumer);
    }

    /** Optimized acknowledgements are sent when their time is over, too. */
    private static void optimizedTimeout(Env env) throws Exception {
        numbers(env, 0, 20);
        ActiveMQConnection connection = env.connect("jms.optimizeAcknowledge=true", "jms.optimizeAcknowledgeTimeOut=100", "jms.prefetchPolicy.all=5");
        MessageConsumer consumer = connection.createSession(false, Session.AUTO_ACKNOWLEDGE).createConsumer(env.queue("q"));
        Env.expectNumbers(consumer, 0, 20);
        connection.close();
        Env.none(env.session().createConsumer(env.queue("q")));
    }

    private static void dupsOk(Env env) throws Exception {
        numbers(env, 0, 100);
        Session session = env.connect("jms.prefetchPolicy.all=8").createSession(false, Session.DUPS_OK_ACKNOWLEDGE);
        Env.expectNumbers(session.createConsumer(env.queue("q")), 0, 100);
        session.close();
        Env.none(env.session().createConsumer(env.queue("q")));
    }

    /** What was delivered and given back counts, in every mode. */
    private static void deliveryCount(Env env, int mode) throws Exception {
        numbers(env, 0, 3);
        boolean transacted = mode == Session.SESSION_TRANSACTED;
        for (int round = 1; round <= 3; round++) {
            ActiveMQConnection connection = env.connect(FAST, "jms.prefetchPolicy.all=10");
            Session session = connection.createSession(transacted, mode);
            MessageConsumer consumer = session.createConsumer(env.queue("q"));
            if (mode == Session.AUTO_ACKNOWLEDGE || mode == Session.DUPS_OK_ACKNOWLEDGE) {
                AtomicInteger count = new AtomicInteger();
                CountDownLatch twice = new CountDownLatch(2);
                consumer.setMessageListener(message -> {
                    try {
                        if (twice.getCount() > 0) {
                            count.set(message.getIntProperty("JMSXDeliveryCount"));
                            twice.countDown();
                            throw new IllegalStateException("once more");
                        }
                    } catch (JMSException e) {
                        count.set(-1);
                    }
                });
                Env.check(twice.await(Env.SOON, TimeUnit.MILLISECONDS), "not delivered again");
                Env.equal(2, count.get(), "JMSXDeliveryCount");
                connection.close();
                return;
            }
            for (int i = 0; i < 3; i++) {
                Message got = Env.receive(consumer);
                Env.equal(round, got.getIntProperty("JMSXDeliveryCount"), "round " + round + ": JMSXDeliveryCount of " + i);
                Env.equal(round > 1, got.getJMSRedelivered(), "redelivered");
            }
            if (transacted) {
                session.rollback();
            } else {
                session.recover();
            }
            for (int i = 0; i < 3; i++) {
                Env.equal(round + 1, Env.receive(consumer).getIntProperty("JMSXDeliveryCount"), "JMSXDeliveryCount again");
            }
            connection.getTransport().stop(); // nothing says what was delivered
        }
    }

    /** The client's redelivery policy ends in the dead letter queue. */
    private static void poison(Env env, String option) throws Exception {
        numbers(env, 0, 2);
        Session session = env.connect(FAST, "jms.redeliveryPolicy.maximumRedeliveries=2", option).createSession(true, Session.SESSION_TRANSACTED);
        MessageConsumer consumer = session.createConsumer(env.queue("q"));
        for (int i = 1; i <= 3; i++) {
            Message got = Env.receive(consumer);
            while (!((TextMessage) got).getText().equals("0")) {
                session.commit(); // without blocking, others come in between
                got = Env.receive(consumer);
            }
            Env.equal(i, got.getIntProperty("JMSXDeliveryCount"), "JMSXDeliveryCount");
            session.rollback();
        }
        MessageConsumer dead = env.session().createConsumer(new ActiveMQQueue("DLQ." + env.name("q")));
        Message letter = Env.receive(dead);
        Env.equal("0", ((TextMessage) letter).getText(), "text");
        String cause = letter.getStringProperty("dlqDeliveryFailureCause");
        Env.check(cause != null && cause.contains("exceeds redelivery policy limit"), "cause: " + cause);
        Env.none(dead);
    }

    private static void poisonListener(Env env) throws Exception {
        numbers(env, 0, 3);
        Session session = env.connect(FAST, "jms.redeliveryPolicy.maximumRedeliveries=1").createSession(false, Session.AUTO_ACKNOWLEDGE);
        List<String> seen = Collections.synchronizedList(new ArrayList<>());
        session.createConsumer(env.queue("q")).setMessageListener(message -> {
            try {
                String text = ((TextMessage) message).getText();
                seen.add(text);
                if (text.equals("1")) {
                    throw new IllegalStateException("poison");
                }
            } catch (JMSException e) {
                seen.add(e.toString());
            }
        });
        MessageConsumer dead = env.session().createConsumer(new ActiveMQQueue("DLQ." + env.name("q")));
        Env.equal("1", Env.text(dead), "text");
        Env.await("the rest", () -> seen.contains("2"));
        Env.equal(List.of("0", "1", "1", "2"), seen, "deliveries");
    }

    private static void backOff(Env env) throws Exception {
        numbers(env, 0, 1);
        Session session = env.connect("jms.redeliveryPolicy.initialRedeliveryDelay=40", "jms.redeliveryPolicy.redeliveryDelay=40",
            "jms.redeliveryPolicy.useExponentialBackOff=true", "jms.redeliveryPolicy.backOffMultiplier=3").createSession(true, Session.SESSION_TRANSACTED);
        MessageConsumer consumer = session.createConsumer(env.queue("q"));
        long[] at = new long[4];
        for (int i = 0; i < at.length; i++) {
            Env.receive(consumer);
            at[i] = System.nanoTime() / 1_000_000;
            session.rollback();
        }
        Env.check(at[1] - at[0] >= 35, "first delay " + (at[1] - at[0]));
        Env.check(at[2] - at[1] >= 100, "second delay " + (at[2] - at[1]));
        Env.check(at[3] - at[2] >= 300, "third delay " + (at[3] - at[2]));
    }

    private static void nonBlocking(Env env) throws Exception {
        numbers(env, 0, 5);
        Session session = env.connect("jms.nonBlockingRedelivery=true", "jms.redeliveryPolicy.initialRedeliveryDelay=800").createSession(true, Session.SESSION_TRANSACTED);
        MessageConsumer consumer = session.createConsumer(env.queue("q"));
        Env.expectNumbers(consumer, 0, 1);
        session.rollback();
        Env.expectNumbers(consumer, 1, 5);
        Env.expectNumbers(consumer, 0, 1);
        session.commit();
        Env.none(consumer);
    }

    private static void browserPrefetch(Env env) throws Exception {
        numbers(env, 0, 40);
        QueueBrowser browser = env.session().createBrowser(env.queue("q"));
        Env.equal(40, Collections.list(browser.getEnumeration()).size(), "messages shown");
    }

    private static void produce(Env env, String option) throws Exception {
        Session session = env.session(option);
        MessageConsumer consumer = env.session(option).createConsumer(env.queue("q"));
        Env.sendNumbers(session, env.queue("q"), 0, 200);
        Env.expectNumbers(consumer, 0, 200);
        MessageProducer producer = session.createProducer(env.queue("q"));
        producer.setDeliveryMode(javax.jms.DeliveryMode.NON_PERSISTENT);
        for (int i = 0; i < 200; i++) {
            producer.send(session.createTextMessage(Integer.toString(i)));
        }
        Env.expectNumbers(consumer, 0, 200);
        Env.none(consumer);
    }
}
