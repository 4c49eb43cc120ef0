import javax.jms.MessageProducer;
import javax.jms.Queue;
import javax.jms.Session;
import javax.jms.TextMessage;
import org.apache.activemq.ScheduledMessage;

/** Schedules messages that other brokers are to deliver; see JobsAfter. */
final class JobsBefore {
    static final int MESSAGES = 50;
    static final long DELAY = 3000;
    static final long TIME_TO_LIVE = 600_000;

    private JobsBefore() {
    }

    static void addTo(Suite suite) {
        suite.add("jobs.before", env -> {
            Session session = env.session();
            Queue queue = session.createQueue("JOBS");
            MessageProducer producer = session.createProducer(queue);
            producer.setTimeToLive(TIME_TO_LIVE); // begins when it is delivered
            for (int i = 0; i < MESSAGES; i++) {
                TextMessage message = session.createTextMessage(Integer.toString(i));
                message.setLongProperty(ScheduledMessage.AMQ_SCHEDULED_DELAY, DELAY);
                message.setLongProperty("sent", System.currentTimeMillis());
                producer.send(message);
            }
        });
    }
}
