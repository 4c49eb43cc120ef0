import java.util.HashSet;
import java.util.Set;
import javax.jms.Connection;
import javax.jms.DeliveryMode;
import javax.jms.Destination;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Session;
import javax.jms.TextMessage;
import org.apache.activemq.ActiveMQConnectionFactory;

/**
 * What applications do on the brokers of a network:
 * send url queue:Q|topic:T count, receive url … count, serve url … count (it
 * answers requests), request url … count. It prints READY when it listens and
 * OK at its end.
 */
public class Flow {
    /** From READY on: virtual machines that send are started after that, one after the other. */
    static final long PATIENCE = 90_000;

    public static void main(String[] args) {
        try {
            run(args);
        } catch (Exception e) {
            e.printStackTrace();
            Runtime.getRuntime().halt(1); // the connection's threads would go on
        }
    }

    static void run(String[] args) throws Exception {
        int count = Integer.parseInt(args[3]);
        Connection connection = new ActiveMQConnectionFactory(args[1]).createConnection();
        connection.start();
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Destination destination = args[2].startsWith("topic:")
            ? session.createTopic(args[2].substring(6)) : session.createQueue(args[2].substring(6));
        switch (args[0]) {
        case "send": send(session, destination, count); break;
        case "receive": receive(session, destination, count); break;
        case "serve": serve(session, destination, count); break;
        case "request": request(session, destination, count); break;
        default: throw new IllegalArgumentException(args[0]);
        }
        connection.close();
        System.out.println("OK");
    }

    static void send(Session session, Destination destination, int count) throws Exception {
        MessageProducer producer = session.createProducer(destination);
        for (int i = 0; i < count; i++) {
            TextMessage message = session.createTextMessage("m" + i);
            message.setIntProperty("n", i);
            producer.send(message);
        }
    }

    static void receive(Session session, Destination destination, int count) throws Exception {
        MessageConsumer consumer = session.createConsumer(destination);
        System.out.println("READY");
        Set<String> ids = new HashSet<>();
        for (int i = 0; i < count; i++) {
            Message message = consumer.receive(PATIENCE);
            if (message == null) {
                throw new IllegalStateException("only " + i + " of " + count);
            }
            if (!((TextMessage) message).getText().equals("m" + message.getIntProperty("n"))) {
                throw new IllegalStateException("body of " + message);
            }
            if (message.getIntProperty("n") != i) {
                throw new IllegalStateException("got " + message.getIntProperty("n") + " in place of " + i);
            }
            if (!ids.add(message.getJMSMessageID())) {
                throw new IllegalStateException("twice: " + message.getJMSMessageID());
            }
        }
        if (consumer.receive(300) != null) {
            throw new IllegalStateException("more than " + count);
        }
    }

    static void serve(Session session, Destination destination, int count) throws Exception {
        MessageConsumer consumer = session.createConsumer(destination);
        MessageProducer producer = session.createProducer(null);
        producer.setDeliveryMode(DeliveryMode.NON_PERSISTENT);
        System.out.println("READY");
        for (int i = 0; i < count; i++) {
            TextMessage request = (TextMessage) consumer.receive(PATIENCE);
            if (request == null) {
                throw new IllegalStateException("only " + i + " requests of " + count);
            }
            TextMessage reply = session.createTextMessage("re:" + request.getText());
            reply.setJMSCorrelationID(request.getJMSMessageID());
            producer.send(request.getJMSReplyTo(), reply);
        }
    }

    static void request(Session session, Destination destination, int count) throws Exception {
        Destination replies = session.createTemporaryQueue();
        MessageConsumer consumer = session.createConsumer(replies);
        MessageProducer producer = session.createProducer(destination);
        for (int i = 0; i < count; i++) {
            TextMessage request = session.createTextMessage("q" + i);
            request.setJMSReplyTo(replies);
            producer.send(request);
            TextMessage reply = (TextMessage) consumer.receive(PATIENCE);
            if (reply == null || !reply.getText().equals("re:q" + i) || !reply.getJMSCorrelationID().equals(request.getJMSMessageID())) {
                throw new IllegalStateException("reply " + i + ": " + reply);
            }
        }
    }
}
