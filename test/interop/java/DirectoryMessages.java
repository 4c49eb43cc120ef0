import java.util.Random;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.Session;
import javax.jms.TextMessage;

/** Messages whose whole content follows from a number. */
final class DirectoryMessages {
    private static final int RICH_EVERY = 12;

    private DirectoryMessages() {
    }

    static Message create(Session session, int n, boolean small) throws JMSException {
        if (!small && n % RICH_EVERY == 0) {
            Bodies body = Bodies.values()[n / RICH_EVERY % Bodies.values().length];
            Message message = body.create(session, 0);
            Props.setAll(message);
            return message;
        }
        TextMessage message = session.createTextMessage(text(n, small));
        message.setBooleanProperty("small", small);
        return message;
    }

    static void check(Message got, int n) throws JMSException {
        if (got instanceof TextMessage text && got.propertyExists("small")) {
            Env.equal(text(n, got.getBooleanProperty("small")), text.getText(), "text of " + n);
            return;
        }
        Bodies.values()[n / RICH_EVERY % Bodies.values().length].check(got, 0);
        Props.checkAll(got);
    }

    private static String text(int n, boolean small) {
        Random random = new Random(n);
        int length = small ? 200 : random.nextInt(8000);
        StringBuilder out = new StringBuilder(length);
        while (out.length() < length) {
            out.append((char) ('a' + random.nextInt(26)));
        }
        return out.toString();
    }
}
