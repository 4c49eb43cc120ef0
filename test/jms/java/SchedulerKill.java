import java.util.HashMap;
import java.util.Map;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Queue;
import javax.jms.Session;
import javax.jms.TextMessage;
import org.apache.activemq.ActiveMQConnection;
import org.apache.activemq.ActiveMQConnectionFactory;
import org.apache.activemq.ScheduledMessage;

/**
 * {@code SchedulerKill <url> <jobs> <repeats>}: schedules numbered messages,
 * and some that come ten times, and receives them all while the broker is
 * killed. Prints {@code SENT} when all are sent and then {@code GOT n} after
 * each hundred; {@code DONE} if each came exactly once, or again with
 * JMSRedelivered, else {@code BAD} with what is wrong.
 */
public final class SchedulerKill {
    private static final int TIMES = 10;

    private final Map<String, Integer> fresh = new HashMap<>();
    private final Map<String, Integer> repeated = new HashMap<>();

    public static void main(String[] args) throws Exception {
        new SchedulerKill().run(args[0], Integer.parseInt(args[1]), Integer.parseInt(args[2]));
    }

    private void run(String url, int jobs, int repeats) throws Exception {
        ActiveMQConnectionFactory factory = new ActiveMQConnectionFactory(url);
        factory.setCheckForDuplicates(false);
        ActiveMQConnection connection = (ActiveMQConnection) factory.createConnection();
        connection.start();
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Queue queue = session.createQueue("JOBS");
        send(session, queue, jobs, repeats);
        System.out.println("SENT");
        MessageConsumer consumer = session.createConsumer(queue);
        int want = jobs + repeats * TIMES;
        int got = 0;
        while (got < want) {
            Message message = consumer.receive(30_000);
            if (message == null) {
                System.out.println("BAD only " + got + " of " + want);
                System.exit(0);
            }
            String text = ((TextMessage) message).getText();
            if (message.getJMSRedelivered() && seen(message, text) > 0) {
                continue;
            }
            note(message, text);
            if (++got % 100 == 0) {
                System.out.println("GOT " + got);
            }
        }
        Message more = consumer.receive(1500);
        System.out.println(more != null && !more.getJMSRedelivered() ? "BAD one too many: " + more : verdict(jobs, repeats));
        System.exit(0);
    }

    private static void send(Session session, Queue queue, int jobs, int repeats) throws Exception {
        MessageProducer producer = session.createProducer(queue);
        for (int i = 0; i < jobs; i++) {
            TextMessage message = session.createTextMessage("job " + i);
            message.setLongProperty(ScheduledMessage.AMQ_SCHEDULED_DELAY, 1500 + i * 5000L / jobs);
            producer.send(message);
        }
        for (int i = 0; i < repeats; i++) {
            TextMessage message = session.createTextMessage("repeat " + i);
            message.setLongProperty(ScheduledMessage.AMQ_SCHEDULED_DELAY, 1500);
            message.setLongProperty(ScheduledMessage.AMQ_SCHEDULED_PERIOD, 500);
            message.setIntProperty(ScheduledMessage.AMQ_SCHEDULED_REPEAT, TIMES - 1);
            producer.send(message);
        }
    }

    /** How often this has come: a job by its text, a repetition by its own id. */
    private int seen(Message message, String text) throws Exception {
        return fresh.getOrDefault(text.startsWith("job") ? text : message.getJMSMessageID(), 0);
    }

    private void note(Message message, String text) throws Exception {
        fresh.merge(text.startsWith("job") ? text : message.getJMSMessageID(), 1, Integer::sum);
        repeated.merge(text, 1, Integer::sum);
    }

    private String verdict(int jobs, int repeats) {
        for (Map.Entry<String, Integer> e : repeated.entrySet()) {
            int want = e.getKey().startsWith("job") ? 1 : TIMES;
            if (e.getValue() != want) {
                return "BAD " + e.getKey() + " came " + e.getValue() + " times";
            }
        }
        return repeated.size() == jobs + repeats ? "DONE" : "BAD " + repeated.size() + " different";
    }
}
