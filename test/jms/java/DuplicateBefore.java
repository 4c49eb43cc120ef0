import javax.jms.MessageConsumer;
import javax.jms.Queue;
import javax.jms.Session;

/** Sends messages with ids and consumes some, before the broker is killed; see DuplicateAfter. */
final class DuplicateBefore {
    static final int MESSAGES = 200;
    static final int CONSUMED = 120;

    private DuplicateBefore() {
    }

    static void addTo(Suite suite) {
        suite.add("duplicate.before.kill", env -> {
            Session session = env.session();
            Queue queue = session.createQueue("DUPLICATES");
            for (int i = 0; i < MESSAGES; i++) {
                DuplicateCases.send(session, queue, Integer.toString(i), "id " + i);
            }
            MessageConsumer consumer = session.createConsumer(queue);
            Env.expectNumbers(consumer, 0, CONSUMED);
            consumer.close();
        });
    }
}
