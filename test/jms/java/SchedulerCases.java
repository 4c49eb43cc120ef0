import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import javax.jms.DeliveryMode;
import javax.jms.Destination;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageFormatException;
import javax.jms.MessageProducer;
import javax.jms.Queue;
import javax.jms.Session;
import javax.jms.TemporaryQueue;
import javax.jms.TextMessage;
import org.apache.activemq.ActiveMQConnection;
import org.apache.activemq.ScheduledMessage;

/** Messages that are delivered later, and how they are managed. */
final class SchedulerCases {
    private SchedulerCases() {
    }

    static void addTo(Suite suite) {
        suite.add("scheduler.delay", SchedulerCases::delay);
        suite.add("scheduler.delay.topic", SchedulerCases::topic);
        suite.add("scheduler.not.persistent", SchedulerCases::notPersistent);
        suite.add("scheduler.repeat", SchedulerCases::repeat);
        suite.add("scheduler.commit", SchedulerCases::commit);
        suite.add("scheduler.rollback", SchedulerCases::rollback);
        suite.add("scheduler.expiration", SchedulerCases::expiration);
        suite.add("scheduler.order", SchedulerCases::order);
        suite.add("scheduler.composite", SchedulerCases::composite);
        suite.add("scheduler.refused", SchedulerCases::refused);
        suite.add("scheduler.negative", SchedulerCases::negative);
        suite.add("scheduler.browse", SchedulerCases::browse);
        suite.add("scheduler.browse.window", SchedulerCases::window);
        suite.add("scheduler.remove", SchedulerCases::remove);
        suite.add("scheduler.remove.cron", SchedulerCases::removeCron);
        suite.addBetter("scheduler.cron.never", SchedulerCases::cronNever);
        suite.addBetter("scheduler.queue.hidden", SchedulerCases::hidden);
    }

    static TextMessage text(Session session, String text, long delay) throws JMSException {
        TextMessage message = session.createTextMessage(text);
        message.setLongProperty(ScheduledMessage.AMQ_SCHEDULED_DELAY, delay);
        message.setStringProperty("colour", "red");
        return message;
    }

    private static void delay(Env env) throws Exception {
        Session session = env.session();
        Queue queue = env.queue("q");
        MessageConsumer consumer = session.createConsumer(queue);
        TextMessage sent = text(session, "later", 1200);
        long began = System.currentTimeMillis();
        session.createProducer(queue).send(sent);
        Message got = Env.receive(consumer);
        long took = System.currentTimeMillis() - began;
        Env.check(took >= 1200, "came after " + took + " ms");
        Env.equal("later", ((TextMessage) got).getText(), "text");
        Env.equal(sent.getJMSMessageID(), got.getJMSMessageID(), "JMSMessageID");
        Env.equal(DeliveryMode.PERSISTENT, got.getJMSDeliveryMode(), "JMSDeliveryMode");
        Env.equal(queue, got.getJMSDestination(), "JMSDestination");
        Env.equal("red", got.getStringProperty("colour"), "colour");
        Env.check(got.getStringProperty("scheduledJobId") != null, "no scheduledJobId");
        Env.check(!got.propertyExists(ScheduledMessage.AMQ_SCHEDULED_DELAY), "AMQ_SCHEDULED_DELAY is left");
        Env.check(!got.propertyExists("ConclaveJob"), "ConclaveJob is left");
        Env.equal(false, got.getJMSRedelivered(), "JMSRedelivered");
        Env.none(consumer);
    }

    private static void topic(Env env) throws Exception {
        Session session = env.session();
        Destination topic = env.topic("t");
        MessageConsumer consumer = session.createConsumer(topic);
        session.createProducer(topic).send(text(session, "later", 300));
        Env.equal("later", Env.text(consumer), "text");
    }

    private static void notPersistent(Env env) throws Exception {
        Session session = env.session();
        Queue queue = env.queue("q");
        MessageProducer producer = session.createProducer(queue);
        producer.setDeliveryMode(DeliveryMode.NON_PERSISTENT);
        producer.send(text(session, "later", 300));
        Env.equal(DeliveryMode.NON_PERSISTENT, Env.receive(session.createConsumer(queue)).getJMSDeliveryMode(), "JMSDeliveryMode");
    }

    private static void repeat(Env env) throws Exception {
        Session session = env.session();
        Queue queue = env.queue("q");
        MessageConsumer consumer = session.createConsumer(queue);
        TextMessage sent = text(session, "again", 100);
        sent.setLongProperty(ScheduledMessage.AMQ_SCHEDULED_PERIOD, 100);
        sent.setIntProperty(ScheduledMessage.AMQ_SCHEDULED_REPEAT, 9);
        session.createProducer(queue).send(sent);
        Set<String> ids = new HashSet<>();
        Set<String> jobs = new HashSet<>();
        for (int i = 0; i < 10; i++) {
            Message got = Env.receive(consumer);
            ids.add(got.getJMSMessageID());
            jobs.add(got.getStringProperty("scheduledJobId"));
        }
        Env.equal(10, ids.size(), "message ids");
        Env.equal(1, jobs.size(), "job ids");
        Env.none(consumer);
    }

    private static void commit(Env env) throws Exception {
        Session session = env.connect().createSession(true, Session.SESSION_TRANSACTED);
        Queue queue = env.queue("q");
        MessageConsumer consumer = env.session().createConsumer(queue);
        session.createProducer(queue).send(text(session, "later", 300));
        Env.check(consumer.receive(600) == null, "delivered before the commit");
        session.commit();
        Env.equal("later", Env.text(consumer), "text");
    }

    private static void rollback(Env env) throws Exception {
        Session session = env.connect().createSession(true, Session.SESSION_TRANSACTED);
        Queue queue = env.queue("q");
        MessageConsumer consumer = env.session().createConsumer(queue);
        session.createProducer(queue).send(text(session, "never", 100));
        session.rollback();
        Env.check(consumer.receive(800) == null, "delivered after a rollback");
    }

    private static void expiration(Env env) throws Exception {
        Session session = env.session();
        Queue queue = env.queue("q");
        MessageConsumer consumer = session.createConsumer(queue);
        MessageProducer producer = session.createProducer(queue);
        producer.setTimeToLive(1000);
        TextMessage sent = text(session, "lives", 1500);
        producer.send(sent);
        Message got = Env.receive(consumer);
        Env.check(got.getJMSTimestamp() >= sent.getJMSTimestamp() + 1500, "JMSTimestamp is not new");
        Env.equal(1000L, got.getJMSExpiration() - got.getJMSTimestamp(), "time to live");
    }

    private static void order(Env env) throws Exception {
        Session session = env.session();
        Queue queue = env.queue("q");
        MessageConsumer consumer = session.createConsumer(queue);
        MessageProducer producer = session.createProducer(queue);
        for (int delay : new int[] {3000, 1800, 600}) {
            producer.send(text(session, Integer.toString(delay), delay));
        }
        producer.send(session.createTextMessage("now"));
        for (String want : List.of("now", "600", "1800", "3000")) {
            Env.equal(want, Env.text(consumer), "text");
        }
    }

    private static void composite(Env env) throws Exception {
        Session session = env.session();
        MessageConsumer a = session.createConsumer(env.queue("a"));
        MessageConsumer b = session.createConsumer(env.queue("b"));
        session.createProducer(session.createQueue(env.name("a") + "," + env.name("b"))).send(text(session, "both", 300));
        Env.equal("both", Env.text(a), "text");
        Env.equal("both", Env.text(b), "text");
    }

    /** Sets a property that the client itself would refuse. */
    static void unchecked(Message message, String name, Object value) throws JMSException {
        try {
            ((org.apache.activemq.command.Message) message).setProperty(name, value);
        } catch (java.io.IOException e) {
            throw new AssertionError(e);
        }
    }

    private static void refused(Env env) throws Exception {
        Session session = env.session();
        MessageProducer producer = session.createProducer(env.queue("q"));
        TextMessage many = text(session, "x", 100);
        unchecked(many, ScheduledMessage.AMQ_SCHEDULED_REPEAT, 1001);
        Env.expectJMS(MessageFormatException.class, () -> {
            producer.send(many);
            return null;
        });
        for (String cron : List.of("* * *", "a b c d e", "*/0 * * * *", "* * * * * *")) {
            TextMessage bad = session.createTextMessage("x");
            unchecked(bad, ScheduledMessage.AMQ_SCHEDULED_CRON, cron);
            Env.expectJMS(JMSException.class, () -> {
                producer.send(bad);
                return null;
            });
        }
        producer.send(session.createTextMessage("goes on"));
        Env.equal("goes on", Env.text(session.createConsumer(env.queue("q"))), "text");
    }

    private static void negative(Env env) throws Exception {
        Session session = env.session();
        Queue queue = env.queue("q");
        TextMessage message = session.createTextMessage("at once");
        unchecked(message, ScheduledMessage.AMQ_SCHEDULED_DELAY, -1000L);
        session.createProducer(queue).send(message);
        Env.equal("at once", Env.text(session.createConsumer(queue)), "text");
    }

    /** Sends an action and waits until the broker has taken it. */
    static void ask(Session session, String action, Destination replyTo, Object... properties) throws JMSException {
        Message request = session.createMessage();
        request.setStringProperty(ScheduledMessage.AMQ_SCHEDULER_ACTION, action);
        for (int i = 0; i < properties.length; i += 2) {
            request.setObjectProperty((String) properties[i], properties[i + 1]);
        }
        request.setJMSReplyTo(replyTo);
        MessageProducer producer = session.createProducer(session.createTopic(ScheduledMessage.AMQ_SCHEDULER_MANAGEMENT_DESTINATION));
        producer.send(request);
        producer.close();
    }

    /** The jobs of one colour, in the order in which they are shown. */
    private static List<Message> shown(Session session, String colour, Object... window) throws JMSException {
        TemporaryQueue replies = session.createTemporaryQueue();
        MessageConsumer consumer = session.createConsumer(replies, "colour = '" + colour + "'");
        ask(session, ScheduledMessage.AMQ_SCHEDULER_ACTION_BROWSE, replies, window);
        List<Message> all = new ArrayList<>();
        for (Message m = consumer.receive(1000); m != null; m = consumer.receive(300)) {
            all.add(m);
        }
        consumer.close();
        return all;
    }

    private static void schedule(Session session, Queue queue, String colour, long... delays) throws JMSException {
        MessageProducer producer = session.createProducer(queue);
        for (long delay : delays) {
            TextMessage message = text(session, Long.toString(delay), delay);
            message.setStringProperty("colour", colour);
            producer.send(message);
        }
        producer.close();
    }

    private static void browse(Env env) throws Exception {
        Session session = env.session();
        schedule(session, env.queue("q"), "browse", 80_000, 60_000, 70_000);
        List<Message> all = shown(session, "browse");
        Env.equal(3, all.size(), "jobs");
        String[] want = {"60000", "70000", "80000"};
        for (int i = 0; i < 3; i++) {
            Message m = all.get(i);
            Env.equal(want[i], ((TextMessage) m).getText(), "text");
            Env.equal(Long.parseLong(want[i]), m.getLongProperty(ScheduledMessage.AMQ_SCHEDULED_DELAY), "delay");
            Env.check(m.getStringProperty(ScheduledMessage.AMQ_SCHEDULED_ID) != null, "no scheduledJobId");
            Env.check(!m.propertyExists("ConclaveJob"), "ConclaveJob is shown");
        }
        ask(session, "REMOVEALL", null);
        Env.equal(0, shown(session, "browse").size(), "jobs after REMOVEALL");
    }

    private static void window(Env env) throws Exception {
        Session session = env.session();
        long now = System.currentTimeMillis();
        schedule(session, env.queue("q"), "window", 60_000, 120_000, 180_000);
        Object[] middle = {ScheduledMessage.AMQ_SCHEDULER_ACTION_START_TIME, now + 90_000,
            ScheduledMessage.AMQ_SCHEDULER_ACTION_END_TIME, now + 150_000};
        Env.equal(1, shown(session, "window", middle).size(), "jobs in between");
        ask(session, "REMOVEALL", null, middle);
        Env.equal(2, shown(session, "window").size(), "jobs after the middle is removed");
        ask(session, "REMOVEALL", null);
    }

    private static void remove(Env env) throws Exception {
        Session session = env.session();
        Queue queue = env.queue("q");
        schedule(session, queue, "remove", 2500, 2600);
        List<Message> all = shown(session, "remove");
        Env.equal(2, all.size(), "jobs");
        ask(session, "REMOVE", null, ScheduledMessage.AMQ_SCHEDULED_ID, all.get(0).getStringProperty(ScheduledMessage.AMQ_SCHEDULED_ID));
        MessageConsumer consumer = session.createConsumer(queue);
        Env.equal("2600", Env.text(consumer), "text");
        Env.none(consumer);
    }

    private static void removeCron(Env env) throws Exception {
        Session session = env.session();
        TextMessage message = session.createTextMessage("minutely");
        message.setStringProperty(ScheduledMessage.AMQ_SCHEDULED_CRON, "* * * * *");
        message.setLongProperty(ScheduledMessage.AMQ_SCHEDULED_DELAY, 3_600_000);
        message.setLongProperty(ScheduledMessage.AMQ_SCHEDULED_PERIOD, 100);
        message.setIntProperty(ScheduledMessage.AMQ_SCHEDULED_REPEAT, 3);
        message.setStringProperty("colour", "cron");
        session.createProducer(env.queue("q")).send(message);
        List<Message> all = shown(session, "cron");
        Env.equal(1, all.size(), "jobs");
        Env.equal("* * * * *", all.get(0).getStringProperty(ScheduledMessage.AMQ_SCHEDULED_CRON), "cron");
        ask(session, "REMOVE", null, ScheduledMessage.AMQ_SCHEDULED_ID, all.get(0).getStringProperty(ScheduledMessage.AMQ_SCHEDULED_ID));
        Env.equal(0, shown(session, "cron").size(), "jobs");
    }

    private static void cronNever(Env env) throws Exception {
        Session session = env.session();
        MessageProducer producer = session.createProducer(env.queue("q"));
        TextMessage never = session.createTextMessage("x");
        never.setStringProperty(ScheduledMessage.AMQ_SCHEDULED_CRON, "0 0 31 2 *");
        Env.expectJMS(MessageFormatException.class, () -> {
            producer.send(never);
            return null;
        });
    }

    private static void hidden(Env env) throws Exception {
        ActiveMQConnection connection = env.connect();
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        schedule(session, env.queue("q"), "hidden", 60_000);
        for (javax.jms.Queue queue : connection.getDestinationSource().getQueues()) {
            Env.check(!queue.getQueueName().startsWith("ActiveMQ.Scheduler"), queue + " is shown");
        }
        Queue jobs = session.createQueue("ActiveMQ.Scheduler.Jobs");
        Env.expectJMS(JMSException.class, () -> session.createConsumer(jobs));
        Env.expectJMS(JMSException.class, () -> session.createProducer(jobs));
        ask(session, "REMOVEALL", null);
    }
}
