import java.util.List;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Queue;
import javax.jms.Session;
import javax.jms.TextMessage;
import javax.transaction.xa.XAResource;
import org.apache.activemq.ScheduledMessage;

/** What clients may set of a schedule, and in which sends. */
final class SchedulerInputCases {
    private static final String DELAY = ScheduledMessage.AMQ_SCHEDULED_DELAY;
    private static final String PERIOD = ScheduledMessage.AMQ_SCHEDULED_PERIOD;
    private static final String REPEAT = ScheduledMessage.AMQ_SCHEDULED_REPEAT;

    private SchedulerInputCases() {
    }

    static void addTo(Suite suite) {
        suite.add("scheduler.types", SchedulerInputCases::types);
        suite.add("scheduler.types.refused", SchedulerInputCases::typesRefused);
        suite.add("scheduler.repeat.alone", SchedulerInputCases::repeatAlone);
        suite.add("scheduler.period.zero", SchedulerInputCases::periodZero);
        suite.add("scheduler.scheduled.before", SchedulerInputCases::scheduledBefore);
        suite.add("scheduler.temporary", SchedulerInputCases::temporary);
        suite.add("scheduler.xa", SchedulerInputCases::xa);
        suite.add("scheduler.remove.unknown", SchedulerInputCases::removeUnknown);
        suite.addBetter("scheduler.far.future", SchedulerInputCases::farFuture);
    }

    private static TextMessage message(Session session, String text, Object... properties) throws JMSException {
        TextMessage message = session.createTextMessage(text);
        for (int i = 0; i < properties.length; i += 2) {
            SchedulerCases.unchecked(message, (String) properties[i], properties[i + 1]);
        }
        return message;
    }

    /** Types that are converted to a long; text, too. */
    private static void types(Env env) throws Exception {
        Session session = env.session();
        Queue queue = env.queue("q");
        MessageConsumer consumer = session.createConsumer(queue);
        MessageProducer producer = session.createProducer(queue);
        for (Object delay : List.of((byte) 100, (short) 100, 100, 100L, "100")) {
            producer.send(message(session, delay.getClass().getSimpleName(), DELAY, delay, REPEAT, "0"));
        }
        producer.send(session.createTextMessage("now"));
        Env.equal("now", Env.text(consumer), "text");
        for (int i = 0; i < 5; i++) {
            Env.check(Env.receive(consumer).propertyExists("scheduledJobId"), "was not delayed");
        }
    }

    /** What is no number is an exception of the send; the session goes on. */
    private static void typesRefused(Env env) throws Exception {
        Session session = env.session();
        Queue queue = env.queue("q");
        MessageProducer producer = session.createProducer(queue);
        for (Object bad : List.of(1.5, 1.5f, true, "soon", "", "1.5", "9223372036854775808")) {
            for (String name : List.of(DELAY, PERIOD)) {
                Env.expectJMS(JMSException.class, () -> {
                    producer.send(message(session, "x", name, bad));
                    return null;
                });
            }
            Env.expectJMS(JMSException.class, () -> {
                producer.send(message(session, "x", DELAY, 100L, REPEAT, bad));
                return null;
            });
        }
        producer.send(session.createTextMessage("goes on"));
        Env.equal("goes on", Env.text(session.createConsumer(queue)), "text");
    }

    /** A number of repetitions is no schedule. */
    private static void repeatAlone(Env env) throws Exception {
        Session session = env.session();
        Queue queue = env.queue("q");
        session.createProducer(queue).send(message(session, "now", REPEAT, 3));
        Message got = Env.receive(session.createConsumer(queue));
        Env.equal(3, got.getIntProperty(REPEAT), "repeat");
        Env.check(!got.propertyExists("scheduledJobId"), "it was scheduled");
    }

    private static void periodZero(Env env) throws Exception {
        Session session = env.session();
        Queue queue = env.queue("q");
        MessageConsumer consumer = session.createConsumer(queue);
        session.createProducer(queue).send(message(session, "x", DELAY, 100L, PERIOD, 0L, REPEAT, 2));
        for (int i = 0; i < 3; i++) {
            Env.equal("x", Env.text(consumer), "text");
        }
        Env.check(consumer.receive(300) == null, "one too many");
    }

    /** What has been scheduled once, and is passed on, is not scheduled again. */
    private static void scheduledBefore(Env env) throws Exception {
        Session session = env.session();
        Queue queue = env.queue("q");
        session.createProducer(queue).send(message(session, "now", DELAY, 100_000L, "scheduledJobId", "job:1"));
        Message got = Env.receive(session.createConsumer(queue));
        Env.equal("job:1", got.getStringProperty("scheduledJobId"), "id");
        Env.equal(100_000L, got.getLongProperty(DELAY), "delay");
    }

    private static void temporary(Env env) throws Exception {
        Session session = env.session();
        Queue queue = session.createTemporaryQueue();
        MessageConsumer consumer = session.createConsumer(queue);
        session.createProducer(queue).send(message(session, "later", DELAY, 100L));
        Env.equal("later", Env.text(consumer), "text");
    }

    private static void xa(Env env) throws Exception {
        Queue queue = env.queue("q");
        MessageConsumer consumer = env.session().createConsumer(queue);
        XACases.Branch branch = new XACases.Branch(env, null);
        for (boolean commit : new boolean[] {false, true}) {
            XACases.Id id = XACases.xid();
            branch.resource.start(id, XAResource.TMNOFLAGS);
            MessageProducer producer = branch.session.createProducer(queue);
            producer.send(message(branch.session, commit ? "commit" : "rollback", DELAY, 100L));
            producer.close();
            branch.end(id);
            Env.equal(XAResource.XA_OK, branch.prepare(id), "vote");
            if (commit) {
                branch.resource.commit(id, false);
            } else {
                branch.resource.rollback(id);
            }
        }
        Env.equal("commit", Env.text(consumer), "text");
        Env.check(consumer.receive(300) == null, "the rolled back one came, too");
    }

    /** Requests that mean no job are no errors. */
    private static void removeUnknown(Env env) throws Exception {
        Session session = env.session();
        for (String id : List.of("JobDoesNotExist", "ID:host-1-2-0:1:1:1:1", ":", "ID:1:2:3:99999999999999999999")) {
            SchedulerCases.ask(session, ScheduledMessage.AMQ_SCHEDULER_ACTION_REMOVE, null, ScheduledMessage.AMQ_SCHEDULED_ID, id);
        }
        SchedulerCases.ask(session, "DANCE", null);
        Queue queue = env.queue("q");
        session.createProducer(queue).send(session.createTextMessage("goes on"));
        Env.equal("goes on", Env.text(session.createConsumer(queue)), "text");
    }

    /** ActiveMQ's sum runs over, and the message comes at once. */
    private static void farFuture(Env env) throws Exception {
        Session session = env.session();
        Queue queue = env.queue("q");
        MessageConsumer consumer = session.createConsumer(queue);
        TextMessage far = message(session, "never", DELAY, Long.MAX_VALUE);
        far.setStringProperty("colour", "far");
        session.createProducer(queue).send(far);
        Env.check(consumer.receive(200) == null, "came at once");
        SchedulerCases.ask(session, "REMOVEALL", null);
    }
}
