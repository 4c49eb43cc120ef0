import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.Session;
import javax.jms.TextMessage;

/** Receives what JobsBefore has scheduled. */
final class JobsAfter {
    private JobsAfter() {
    }

    static void addTo(Suite suite) {
        suite.add("jobs.after", env -> {
            Session session = env.session();
            MessageConsumer consumer = session.createConsumer(session.createQueue("JOBS?consumer.prefetchSize=1"));
            for (int i = 0; i < JobsBefore.MESSAGES; i++) {
                Message got = Env.receive(consumer);
                Env.equal(Integer.toString(i), ((TextMessage) got).getText(), "text");
                Env.equal(false, got.getJMSRedelivered(), "JMSRedelivered");
                Env.equal(JobsBefore.TIME_TO_LIVE, got.getJMSExpiration() - got.getJMSTimestamp(), "time to live");
                long late = got.getJMSTimestamp() - got.getLongProperty("sent") - JobsBefore.DELAY;
                Env.check(late >= 0, "it came, and its life began, " + -late + " ms before it was due");
            }
            Env.none(consumer);
        });
    }
}
