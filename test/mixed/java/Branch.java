import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Queue;
import javax.jms.Session;
import javax.jms.XASession;
import javax.transaction.xa.XAResource;
import javax.transaction.xa.Xid;
import org.apache.activemq.ActiveMQConnection;
import org.apache.activemq.ActiveMQConnectionFactory;
import org.apache.activemq.ActiveMQXAConnection;
import org.apache.activemq.ActiveMQXAConnectionFactory;
import org.apache.activemq.command.ActiveMQQueue;

/**
 * A prepared XA branch whose master is killed. Arguments are key=value: url,
 * number, do. "prepare" consumes one message and sends two in a branch and
 * leaves it prepared; "commit" and "rollback" find it at the next master, see
 * that nothing of it shows, end it, and see that all of it happened or
 * nothing. Prints OK, or BAD and ends with status 1.
 */
public final class Branch {
    private static final Queue IN = new ActiveMQQueue("BRANCH.IN");
    private static final Queue OUT = new ActiveMQQueue("BRANCH.OUT");

    private final String url;
    private final String number;

    private Branch(Map<String, String> args) {
        url = args.get("url");
        number = args.get("number");
    }

    public static void main(String[] argv) {
        try {
            Map<String, String> args = Ledger.parse(argv);
            Branch branch = new Branch(args);
            if (args.get("do").equals("prepare")) {
                branch.prepare();
            } else {
                branch.finish(args.get("do").equals("commit"));
            }
            System.out.println("OK " + args.get("do"));
            Runtime.getRuntime().halt(0); // a vanished client
        } catch (Throwable e) {
            System.out.println("BAD " + e);
            e.printStackTrace();
            Runtime.getRuntime().halt(1);
        }
    }

    private Xid xid() {
        byte[] global = ("mixed " + number).getBytes(StandardCharsets.UTF_8);
        return new Xid() {
            @Override
            public int getFormatId() {
                return 7;
            }

            @Override
            public byte[] getGlobalTransactionId() {
                return global;
            }

            @Override
            public byte[] getBranchQualifier() {
                return new byte[] {1};
            }
        };
    }

    private ActiveMQXAConnection connect() throws Exception {
        ActiveMQXAConnection connection = (ActiveMQXAConnection) new ActiveMQXAConnectionFactory(url).createXAConnection();
        connection.start();
        return connection;
    }

    private void prepare() throws Exception {
        plain(session -> {
            MessageProducer producer = session.createProducer(IN);
            producer.send(session.createTextMessage("in " + number));
        });
        XASession session = connect().createXASession();
        XAResource resource = session.getXAResource();
        Xid xid = xid();
        resource.start(xid, XAResource.TMNOFLAGS);
        Message taken = session.createConsumer(IN).receive(5000);
        Env.check(taken != null, "nothing to consume");
        MessageProducer producer = session.createProducer(OUT);
        producer.send(session.createTextMessage("out " + number + " a"));
        producer.send(session.createTextMessage("out " + number + " b"));
        resource.end(xid, XAResource.TMSUCCESS);
        Env.equal(XAResource.XA_OK, resource.prepare(xid), "vote");
    }

    private void finish(boolean commit) throws Exception {
        XASession session = connect().createXASession();
        XAResource resource = session.getXAResource();
        Xid[] found = resource.recover(XAResource.TMSTARTRSCAN);
        Env.equal(1, found.length, "branches to recover");
        Env.check(Arrays.equals(found[0].getGlobalTransactionId(), xid().getGlobalTransactionId()), "another branch");
        plain(s -> Env.equal("0 0", count(s, IN) + " " + count(s, OUT), "messages that show before the end"));
        if (commit) {
            resource.commit(found[0], false);
        } else {
            resource.rollback(found[0]);
        }
        Env.equal(0, resource.recover(XAResource.TMSTARTRSCAN).length, "branches after the end");
        plain(s -> Env.equal(commit ? "0 2" : "1 0", count(s, IN) + " " + count(s, OUT), "messages after the end"));
    }

    private interface Work {
        void with(Session session) throws Exception;
    }

    private void plain(Work work) throws Exception {
        ActiveMQConnection connection = (ActiveMQConnection) new ActiveMQConnectionFactory(url).createConnection();
        connection.start();
        work.with(connection.createSession(false, Session.AUTO_ACKNOWLEDGE));
        connection.close();
    }

    /** Takes all messages of a queue. */
    private static int count(Session session, Queue queue) throws Exception {
        MessageConsumer consumer = session.createConsumer(queue);
        int n = 0;
        while (consumer.receive(700) != null) {
            n++;
        }
        consumer.close();
        return n;
    }
}
