import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import javax.jms.Connection;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Queue;
import javax.jms.Session;
import javax.jms.TextMessage;
import javax.jms.Topic;
import javax.jms.XASession;
import javax.transaction.xa.XAException;
import javax.transaction.xa.XAResource;
import javax.transaction.xa.Xid;
import org.apache.activemq.ActiveMQConnectionFactory;
import org.apache.activemq.ActiveMQXAConnection;
import org.apache.activemq.ActiveMQXAConnectionFactory;
import org.apache.activemq.command.ActiveMQQueue;
import org.apache.activemq.command.ActiveMQTopic;

/**
 * Branches whose master is killed between prepare and outcome. Each takes a
 * message of a queue and one of a durable subscription, and sends one. Prints
 * PREPARED and waits for a line, in which time the master is killed; then it
 * gives outcomes to the branches, through the connection that prepared them and
 * through others, and counts what is there. Argument: the URL. Prints BAD for
 * what is wrong, and DONE.
 */
public final class XAKill {
    private static final int BRANCHES = 12;
    private static final long WAIT = 2000;
    private static final Queue IN = new ActiveMQQueue("XAKILL.IN");
    private static final Queue OUT = new ActiveMQQueue("XAKILL.OUT");
    private static final Topic NEWS = new ActiveMQTopic("XAKILL.NEWS");

    private final String url;
    private final List<XACases.Id> prepared = new ArrayList<>();
    private ActiveMQXAConnection connection;

    private XAKill(String url) {
        this.url = url;
    }

    public static void main(String[] args) throws Exception {
        new XAKill(args[0]).run();
        System.out.println("DONE");
        System.exit(0);
    }

    private ActiveMQXAConnection connectXA(String clientID) throws Exception {
        ActiveMQXAConnectionFactory factory = new ActiveMQXAConnectionFactory(url);
        ActiveMQXAConnection made = (ActiveMQXAConnection) factory.createXAConnection();
        if (clientID != null) {
            made.setClientID(clientID);
        }
        made.start();
        return made;
    }

    private Connection connect(String clientID) throws Exception {
        Connection made = new ActiveMQConnectionFactory(url).createConnection();
        if (clientID != null) {
            made.setClientID(clientID);
        }
        made.start();
        return made;
    }

    private void run() throws Exception {
        connection = connectXA("c");
        XASession session = connection.createXASession();
        MessageConsumer fromTopic = session.createDurableSubscriber(NEWS, "s");
        Connection plain = connect(null);
        Session sender = plain.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Env.sendNumbers(sender, IN, 0, BRANCHES + 1);
        Env.sendNumbers(sender, NEWS, 0, BRANCHES + 1);
        plain.close();
        MessageConsumer fromQueue = session.createConsumer(IN);
        XAResource resource = session.getXAResource();
        for (int i = 0; i < BRANCHES; i++) {
            prepared.add(work(session, fromQueue, fromTopic, i));
            Env.equal(XAResource.XA_OK, resource.prepare(prepared.get(i)), "vote");
        }
        XACases.Id ended = work(session, fromQueue, fromTopic, BRANCHES);
        System.out.println("PREPARED");
        new BufferedReader(new InputStreamReader(System.in)).readLine();
        Set<Integer> committed = decide(resource);
        if (prepareLate(resource, ended)) {
            committed.add(BRANCHES);
        }
        connection.close();
        count(committed);
    }

    private static XACases.Id work(XASession session, MessageConsumer fromQueue, MessageConsumer fromTopic, int i) throws Exception {
        XACases.Id id = XACases.xid();
        session.getXAResource().start(id, XAResource.TMNOFLAGS);
        Env.expectNumbers(fromQueue, i, i + 1);
        Env.expectNumbers(fromTopic, i, i + 1);
        MessageProducer producer = session.createProducer(OUT);
        producer.send(session.createTextMessage(Integer.toString(i)));
        producer.close();
        session.getXAResource().end(id, XAResource.TMSUCCESS);
        return id;
    }

    /** Commits two thirds of the branches, half of them by the connection that prepared them. */
    private Set<Integer> decide(XAResource first) throws Exception {
        ActiveMQXAConnection other = connectXA(null);
        XAResource second = other.createXASession().getXAResource();
        Xid[] found = second.recover(XAResource.TMSTARTRSCAN);
        for (int i = 0; i < BRANCHES; i++) {
            XACases.Id id = prepared.get(i);
            if (Arrays.stream(found).noneMatch(id::same)) {
                System.out.println("BAD branch " + i + " is not in recover, of " + found.length);
            }
        }
        Set<Integer> committed = new HashSet<>();
        for (int i = 0; i < BRANCHES; i++) {
            switch (i % 3) {
                case 0 -> first.commit(prepared.get(i), false);
                case 1 -> second.commit(prepared.get(i), false);
                default -> second.rollback(prepared.get(i));
            }
            if (i % 3 < 2) {
                committed.add(i);
            }
        }
        Xid[] left = second.recover(XAResource.TMSTARTRSCAN);
        if (Arrays.stream(left).anyMatch(x -> prepared.stream().anyMatch(id -> id.same(x)))) {
            System.out.println("BAD a branch with an outcome is still in recover");
        }
        other.close();
        return committed;
    }

    /** Prepares what had ended when the master was killed: its acknowledgements are lost. */
    private static boolean prepareLate(XAResource resource, XACases.Id ended) throws Exception {
        try {
            int vote = resource.prepare(ended);
            System.out.println("LATE vote " + vote);
            if (vote == XAResource.XA_OK) {
                resource.commit(ended, false);
            }
            return vote == XAResource.XA_OK;
        } catch (XAException e) {
            System.out.println("LATE " + e.errorCode + " " + e.getMessage());
            return false;
        }
    }

    private void count(Set<Integer> committed) throws Exception {
        Set<Integer> open = new TreeSet<>();
        for (int i = 0; i <= BRANCHES; i++) {
            if (!committed.contains(i)) {
                open.add(i);
            }
        }
        Connection plain = connect("c");
        Session session = plain.createSession(false, Session.AUTO_ACKNOWLEDGE);
        compare("sent", new TreeSet<>(committed), session.createConsumer(OUT));
        compare("left in the queue", open, session.createConsumer(IN));
        compare("left for the subscriber", open, session.createDurableSubscriber(NEWS, "s"));
        plain.close();
    }

    private static void compare(String what, Set<Integer> want, MessageConsumer consumer) throws Exception {
        Set<Integer> got = new TreeSet<>();
        for (Message m = consumer.receive(want.isEmpty() ? 500 : WAIT); m != null; m = consumer.receive(got.size() < want.size() ? WAIT : 500)) {
            if (!got.add(Integer.parseInt(((TextMessage) m).getText()))) {
                System.out.println("BAD " + what + ": twice " + ((TextMessage) m).getText());
            }
        }
        if (!got.equals(want)) {
            System.out.println("BAD " + what + ": " + got + " instead of " + want);
        }
    }
}
