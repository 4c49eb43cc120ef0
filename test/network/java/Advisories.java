import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import javax.jms.Connection;
import javax.jms.MessageConsumer;
import javax.jms.Session;
import org.apache.activemq.ActiveMQConnectionFactory;
import org.apache.activemq.command.ActiveMQMessage;
import org.apache.activemq.command.ActiveMQTopic;
import org.apache.activemq.command.BrokerInfo;
import org.apache.activemq.command.ConsumerInfo;
import org.apache.activemq.command.RemoveInfo;

/**
 * Prints advisories, one a line: topic, what they carry, properties.
 * Arguments: URI, topic, number. READY comes first.
 */
public class Advisories {
    public static void main(String[] args) throws Exception {
        Connection connection = new ActiveMQConnectionFactory(args[0]).createConnection();
        connection.start();
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageConsumer consumer = session.createConsumer(new ActiveMQTopic("ActiveMQ.Advisory." + args[1]));
        System.out.println("READY");
        for (int i = 0; i < Integer.parseInt(args[2]); i++) {
            ActiveMQMessage m = (ActiveMQMessage) consumer.receive(30_000);
            if (m == null) {
                throw new IllegalStateException("only " + i);
            }
            System.out.println(m.getDestination().getPhysicalName().substring("ActiveMQ.Advisory.".length()) + " "
                + carried(m.getDataStructure()) + properties(m));
        }
        connection.close();
    }

    private static String carried(Object data) {
        if (data instanceof BrokerInfo) {
            BrokerInfo info = (BrokerInfo) data;
            return "broker " + info.getBrokerName();
        }
        if (data instanceof ConsumerInfo) {
            ConsumerInfo info = (ConsumerInfo) data;
            return "consumer of " + info.getDestination();
        }
        if (data instanceof RemoveInfo) {
            return "removal of " + ((RemoveInfo) data).getObjectId().getClass().getSimpleName();
        }
        return String.valueOf(data);
    }

    /** All but those of the origin, whose values differ from run to run. */
    private static String properties(ActiveMQMessage m) throws Exception {
        List<String> names = new ArrayList<>(m.getProperties().keySet());
        Collections.sort(names);
        StringBuilder text = new StringBuilder();
        for (String name : names) {
            Object value = m.getProperties().get(name);
            text.append(' ').append(name).append('=')
                .append(name.startsWith("origin") || name.equals("remoteIp") ? "*" : String.valueOf(value));
        }
        return text.toString();
    }
}
