import javax.jms.MessageConsumer;
import javax.jms.Queue;
import javax.jms.Session;

/** Sends what DuplicateBefore has sent again, and one more, to the next master. */
final class DuplicateAfter {
    private DuplicateAfter() {
    }

    static void addTo(Suite suite) {
        suite.add("duplicate.after.kill", env -> {
            Session session = env.session();
            Queue queue = session.createQueue("DUPLICATES");
            for (int i = 0; i <= DuplicateBefore.MESSAGES; i++) {
                DuplicateCases.send(session, queue, Integer.toString(i), "id " + i);
            }
            MessageConsumer consumer = session.createConsumer(queue);
            Env.expectNumbers(consumer, DuplicateBefore.CONSUMED, DuplicateBefore.MESSAGES + 1);
            Env.none(consumer);
        });
    }
}
