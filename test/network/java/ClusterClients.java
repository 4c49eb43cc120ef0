import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.activemq.ActiveMQConnection;
import org.apache.activemq.ActiveMQConnectionFactory;
import org.apache.activemq.transport.TransportListener;

/**
 * Connections that a cluster may move about. Arguments: URI, number. To each
 * line on standard input it answers with a line: how often connections were
 * resumed in all, and how many are connected to each address, as in
 * "12 61616=25 61617=25".
 */
public class ClusterClients {
    public static void main(String[] args) throws Exception {
        List<ActiveMQConnection> all = new ArrayList<>();
        AtomicInteger resumed = new AtomicInteger();
        ActiveMQConnectionFactory factory = new ActiveMQConnectionFactory(args[0]);
        factory.setWatchTopicAdvisories(false);
        for (int i = 0; i < Integer.parseInt(args[1]); i++) {
            ActiveMQConnection c = (ActiveMQConnection) factory.createConnection();
            c.addTransportListener(new TransportListener() {
                public void onCommand(Object command) {}
                public void onException(java.io.IOException error) {}
                public void transportInterupted() {}
                public void transportResumed() { resumed.incrementAndGet(); }
            });
            c.start();
            all.add(c);
        }
        System.out.println("ready");
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        while (in.readLine() != null) {
            System.out.println(resumed.get() + count(all));
        }
        for (ActiveMQConnection c : all) {
            c.close();
        }
    }

    private static String count(List<ActiveMQConnection> all) {
        Map<String, Integer> counts = new TreeMap<>();
        for (ActiveMQConnection c : all) {
            String at = c.getTransport().getRemoteAddress();
            counts.merge(at == null ? "none" : at.replaceAll(".*:(\\d+).*", "$1"), 1, Integer::sum);
        }
        StringBuilder line = new StringBuilder();
        counts.forEach((at, n) -> line.append(' ').append(at).append('=').append(n));
        return line.toString();
    }
}
