import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import javax.jms.DeliveryMode;
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
import org.apache.activemq.ActiveMQXAConnection;

/** Branches of distributed transactions, as a transaction manager drives them. */
final class XACases {
    private static final AtomicInteger SERIAL = new AtomicInteger();

    private XACases() {
    }

    static void addTo(Suite suite) {
        suite.add("xa.commit.one.phase", XACases::onePhase);
        suite.add("xa.commit.two.phase", env -> everything(env, true));
        suite.add("xa.rollback.prepared", env -> everything(env, false));
        suite.add("xa.rollback.active", XACases::rollbackActive);
        suite.add("xa.read.only", XACases::readOnly);
        suite.add("xa.recover", XACases::recover);
        suite.add("xa.other.connection.commits", env -> otherConnection(env, true));
        suite.add("xa.other.connection.rolls.back", env -> otherConnection(env, false));
        suite.add("xa.errors", XACases::errors);
        suite.addBetter("xa.errors.unknown.prepare", XACases::unknownPrepare);
        suite.add("xa.suspend.resume", XACases::suspend);
        suite.add("xa.join", XACases::join);
        suite.add("xa.interleaved", XACases::interleaved);
        suite.add("xa.vanish", XACases::vanish);
        suite.add("xa.xids", XACases::xids);
        suite.add("xa.forget", XACases::forget);
        suite.add("xa.nonpersistent", XACases::nonPersistent);
        suite.add("xa.many", XACases::many);
        suite.addBetter("xa.rolled.back.in.place", XACases::inPlace);
    }

    record Id(int format, byte[] global, byte[] branch) implements Xid {
        @Override
        public int getFormatId() {
            return format;
        }

        @Override
        public byte[] getGlobalTransactionId() {
            return global;
        }

        @Override
        public byte[] getBranchQualifier() {
            return branch;
        }

        boolean same(Xid other) {
            return format == other.getFormatId() && Arrays.equals(global, other.getGlobalTransactionId())
                && Arrays.equals(branch, other.getBranchQualifier());
        }
    }

    static Id xid() {
        String name = "g" + System.nanoTime() + "-" + SERIAL.incrementAndGet();
        return new Id(4711, name.getBytes(), "b".getBytes());
    }

    /** A connection with one session. */
    static final class Branch {
        final ActiveMQXAConnection connection;
        final XASession session;
        final XAResource resource;

        Branch(Env env, String clientID) throws Exception {
            connection = env.startXA(clientID);
            session = connection.createXASession();
            resource = session.getXAResource();
        }

        void send(javax.jms.Destination to, int... numbers) throws Exception {
            MessageProducer producer = session.createProducer(to);
            for (int i : numbers) {
                producer.send(session.createTextMessage(Integer.toString(i)));
            }
            producer.close();
        }

        void end(Xid id) throws Exception {
            resource.end(id, XAResource.TMSUCCESS);
        }

        int prepare(Xid id) throws Exception {
            return resource.prepare(id);
        }
    }

    interface Call {
        void run() throws Exception;
    }

    private static void fails(int code, Call call) throws Exception {
        try {
            call.run();
        } catch (XAException e) {
            Env.equal(code, e.errorCode, "error code of " + e);
            return;
        }
        throw new AssertionError("no XAException");
    }

    private static boolean listed(XAResource resource, Id id) throws Exception {
        return Arrays.stream(resource.recover(XAResource.TMSTARTRSCAN)).anyMatch(id::same);
    }

    private static void onePhase(Env env) throws Exception {
        Queue queue = env.queue("q");
        Branch b = new Branch(env, null);
        MessageConsumer check = env.session().createConsumer(queue);
        Id id = xid();
        b.resource.start(id, XAResource.TMNOFLAGS);
        b.send(queue, 0, 1);
        Env.none(check);
        b.end(id);
        b.resource.commit(id, true);
        Env.expectNumbers(check, 0, 2);
        fails(XAException.XAER_NOTA, () -> b.resource.commit(id, true));
    }

    /** Sends and acknowledgements of a queue and of a durable subscriber in one branch. */
    private static void everything(Env env, boolean commit) throws Exception {
        Queue in = env.queue("in");
        Queue out = env.queue("out");
        Topic topic = env.topic("t");
        Branch b = new Branch(env, env.name("c"));
        MessageConsumer fromQueue = b.session.createConsumer(in);
        MessageConsumer fromTopic = b.session.createDurableSubscriber(topic, "s");
        Env.sendNumbers(env.session(), in, 0, 3);
        Env.sendNumbers(env.session(), topic, 10, 13);
        MessageConsumer check = env.session().createConsumer(out);
        Id id = xid();
        b.resource.start(id, XAResource.TMNOFLAGS);
        Env.expectNumbers(fromQueue, 0, 2);
        Env.expectNumbers(fromTopic, 10, 12);
        b.send(out, 5, 6);
        b.end(id);
        Env.equal(XAResource.XA_OK, b.prepare(id), "vote");
        Env.none(check);
        Env.check(listed(b.resource, id), "not in recover");
        b.connection.close();
        Branch other = new Branch(env, null);
        Session session = env.start(env.factory(), env.name("c")).createSession(false, Session.AUTO_ACKNOWLEDGE);
        MessageConsumer again = session.createConsumer(in);
        Env.expectNumbers(again, 2, 3);
        Env.none(again);
        again.close();
        if (commit) {
            other.resource.commit(id, false);
            Env.expectNumbers(check, 5, 7);
        } else {
            other.resource.rollback(id);
            Env.none(check);
        }
        Env.check(!listed(other.resource, id), "still in recover");
        Env.expectNumbers(session.createDurableSubscriber(topic, "s"), commit ? 12 : 10, 13);
        again = session.createConsumer(in);
        if (!commit) {
            Env.expectNumbers(again, 0, 2);
        }
        Env.none(again);
        Env.none(check);
    }

    private static void rollbackActive(Env env) throws Exception {
        Queue in = env.queue("in");
        Queue out = env.queue("out");
        Env.sendNumbers(env.session(), in, 0, 3);
        Branch b = new Branch(env, null);
        MessageConsumer consumer = b.session.createConsumer(in);
        Id id = xid();
        b.resource.start(id, XAResource.TMNOFLAGS);
        Env.expectNumbers(consumer, 0, 2);
        b.send(out, 1);
        b.end(id);
        b.resource.rollback(id);
        Env.none(env.session().createConsumer(out));
        Id next = xid();
        b.resource.start(next, XAResource.TMNOFLAGS);
        for (int i = 0; i < 3; i++) {
            Message got = Env.receive(consumer);
            Env.equal(Integer.toString(i), ((TextMessage) got).getText(), "text");
            Env.equal(i < 2, got.getJMSRedelivered(), "redelivered");
        }
        b.end(next);
        Env.equal(XAResource.XA_OK, b.prepare(next), "vote");
        b.resource.commit(next, false);
        b.connection.close();
        Env.none(env.session().createConsumer(in));
    }

    private static void readOnly(Env env) throws Exception {
        Branch b = new Branch(env, null);
        Id id = xid();
        b.resource.start(id, XAResource.TMNOFLAGS);
        b.end(id);
        Env.equal(XAResource.XA_RDONLY, b.prepare(id), "vote");
        Env.check(!listed(b.resource, id), "in recover");
        fails(XAException.XAER_NOTA, () -> b.resource.commit(id, false));
        fails(XAException.XAER_NOTA, () -> b.resource.rollback(id));
    }

    private static void recover(Env env) throws Exception {
        Branch b = new Branch(env, null);
        List<Id> ids = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            Id id = xid();
            ids.add(id);
            b.resource.start(id, XAResource.TMNOFLAGS);
            b.send(env.queue("q"), i);
            b.end(id);
            if (i < 2) {
                b.prepare(id);
            }
        }
        XAResource other = new Branch(env, null).resource;
        for (int flags : new int[] {XAResource.TMSTARTRSCAN, XAResource.TMENDRSCAN, XAResource.TMSTARTRSCAN | XAResource.TMENDRSCAN}) {
            List<Xid> found = new ArrayList<>(Arrays.asList(other.recover(flags)));
            found.removeIf(x -> ids.stream().noneMatch(id -> id.same(x)));
            Env.equal(2, found.size(), "branches with flags " + flags);
            Env.check(ids.get(0).same(found.get(0)) && ids.get(1).same(found.get(1)), "not the oldest first");
        }
        Env.equal(0, other.recover(XAResource.TMNOFLAGS).length, "branches that follow the first scan");
        other.commit(ids.get(1), false);
        other.rollback(ids.get(0));
        b.resource.rollback(ids.get(2));
        Env.expectNumbers(env.session().createConsumer(env.queue("q")), 1, 2);
    }

    private static void otherConnection(Env env, boolean commit) throws Exception {
        Queue queue = env.queue("q");
        Branch b = new Branch(env, null);
        Env.sendNumbers(env.session(), queue, 0, 2);
        MessageConsumer consumer = b.session.createConsumer(queue);
        Id id = xid();
        b.resource.start(id, XAResource.TMNOFLAGS);
        Env.expectNumbers(consumer, 0, 1);
        b.send(queue, 7);
        b.end(id);
        b.prepare(id);
        b.connection.getTransport().stop(); // vanishes
        MessageConsumer check = env.session().createConsumer(queue);
        Env.expectNumbers(check, 1, 2);
        Env.none(check);
        Branch other = new Branch(env, null);
        Env.check(listed(other.resource, id), "not in recover");
        if (commit) {
            other.resource.commit(id, false);
            Env.expectNumbers(check, 7, 8);
        } else {
            other.resource.rollback(id);
            Message back = Env.receive(check);
            Env.equal("0", ((TextMessage) back).getText(), "text");
            Env.equal(true, back.getJMSRedelivered(), "redelivered");
        }
        Env.none(check);
        Env.check(!listed(other.resource, id), "still in recover");
    }

    private static void errors(Env env) throws Exception {
        Branch b = new Branch(env, null);
        Id unknown = xid();
        fails(XAException.XAER_NOTA, () -> b.resource.commit(unknown, true));
        fails(XAException.XAER_NOTA, () -> b.resource.commit(unknown, false));
        fails(XAException.XAER_NOTA, () -> b.resource.rollback(unknown));
        fails(XAException.XAER_NOTA, () -> b.resource.forget(unknown));
        Id id = xid();
        b.resource.start(id, XAResource.TMNOFLAGS);
        fails(XAException.XAER_PROTO, () -> b.resource.start(xid(), XAResource.TMNOFLAGS));
        fails(XAException.XAER_PROTO, () -> b.prepare(id));
        b.send(env.queue("q"), 1);
        b.end(id);
        fails(XAException.XAER_PROTO, () -> b.resource.commit(id, false));
        b.resource.commit(id, true);
        fails(XAException.XAER_NOTA, () -> b.resource.commit(id, false));
        fails(XAException.XAER_NOTA, () -> b.resource.rollback(id));
        Env.expectNumbers(env.session().createConsumer(env.queue("q")), 1, 2);
    }

    private static void unknownPrepare(Env env) throws Exception {
        Branch b = new Branch(env, null);
        fails(XAException.XAER_NOTA, () -> b.prepare(xid()));
    }

    private static void suspend(Env env) throws Exception {
        Queue queue = env.queue("q");
        Branch b = new Branch(env, null);
        Id one = xid();
        Id two = xid();
        b.resource.start(one, XAResource.TMNOFLAGS);
        b.send(queue, 1);
        b.resource.end(one, XAResource.TMSUSPEND);
        b.resource.start(two, XAResource.TMNOFLAGS);
        b.send(queue, 0);
        b.end(two);
        b.resource.commit(two, true);
        b.resource.start(one, XAResource.TMRESUME);
        b.send(queue, 2);
        b.end(one);
        MessageConsumer check = env.session().createConsumer(queue);
        Env.expectNumbers(check, 0, 1);
        Env.none(check);
        Env.equal(XAResource.XA_OK, b.prepare(one), "vote");
        b.resource.commit(one, false);
        Env.expectNumbers(check, 1, 3);
    }

    /** Two sessions, of two connections, work in one branch. */
    private static void join(Env env) throws Exception {
        Queue queue = env.queue("q");
        Branch a = new Branch(env, null);
        Branch b = new Branch(env, null);
        Env.check(a.resource.isSameRM(b.resource), "isSameRM");
        Id id = xid();
        a.resource.start(id, XAResource.TMNOFLAGS);
        a.send(queue, 0);
        a.end(id);
        b.resource.start(id, XAResource.TMJOIN);
        b.send(queue, 1);
        b.end(id);
        Env.equal(XAResource.XA_OK, a.prepare(id), "vote");
        MessageConsumer check = env.session().createConsumer(queue);
        Env.none(check);
        a.resource.commit(id, false);
        Env.expectNumbers(check, 0, 2);
    }

    private static void interleaved(Env env) throws Exception {
        Queue queue = env.queue("q");
        Branch b = new Branch(env, null);
        Session local = env.connect().createSession(true, Session.SESSION_TRANSACTED);
        Id id = xid();
        b.resource.start(id, XAResource.TMNOFLAGS);
        Env.sendNumbers(local, queue, 2, 4);
        b.send(queue, 0, 1);
        b.end(id);
        b.prepare(id);
        b.resource.commit(id, false);
        local.commit();
        Env.expectNumbers(env.session().createConsumer(queue), 0, 4);
    }

    /** A branch that is not prepared ends with its connection. */
    private static void vanish(Env env) throws Exception {
        Queue in = env.queue("in");
        Queue out = env.queue("out");
        Env.sendNumbers(env.session(), in, 0, 2);
        Branch b = new Branch(env, null);
        MessageConsumer consumer = b.session.createConsumer(in);
        Id id = xid();
        b.resource.start(id, XAResource.TMNOFLAGS);
        Env.expectNumbers(consumer, 0, 2);
        b.send(out, 0);
        b.end(id);
        b.connection.getTransport().stop();
        Env.expectNumbers(env.session().createConsumer(in), 0, 2);
        Branch other = new Branch(env, null);
        Env.check(!listed(other.resource, id), "in recover");
        fails(XAException.XAER_NOTA, () -> other.resource.commit(id, true));
        Env.none(env.session().createConsumer(out));
    }

    private static void xids(Env env) throws Exception {
        byte[] most = new byte[64];
        for (int i = 0; i < most.length; i++) {
            most[i] = (byte) (i * 5);
        }
        byte[] unique = Long.toString(System.nanoTime()).getBytes();
        List<Id> ids = List.of(new Id(0, most, most), new Id(Integer.MAX_VALUE, unique, most), new Id(1, unique, new byte[] {0}),
            new Id(1, unique, new byte[] {0, 0}), new Id(-2, unique, new byte[] {-1, 127}), new Id(Integer.MIN_VALUE, unique, unique));
        Queue queue = env.queue("q");
        Branch b = new Branch(env, null);
        for (int i = 0; i < ids.size(); i++) {
            b.resource.start(ids.get(i), XAResource.TMNOFLAGS);
            b.send(queue, i);
            b.end(ids.get(i));
            Env.equal(XAResource.XA_OK, b.prepare(ids.get(i)), "vote");
        }
        XAResource other = new Branch(env, null).resource;
        for (Id id : ids) {
            Env.check(listed(other, id), "not in recover: " + id);
        }
        for (Id id : ids) {
            other.commit(id, false);
        }
        Env.expectNumbers(env.session().createConsumer(queue), 0, ids.size());
    }

    private static void forget(Env env) throws Exception {
        Branch b = new Branch(env, null);
        Id id = xid();
        b.resource.start(id, XAResource.TMNOFLAGS);
        b.send(env.queue("q"), 0);
        b.end(id);
        b.prepare(id);
        b.resource.forget(id);
        Env.check(!listed(b.resource, id), "still in recover");
        Env.none(env.session().createConsumer(env.queue("q")));
    }

    private static void nonPersistent(Env env) throws Exception {
        Queue queue = env.queue("q");
        Branch b = new Branch(env, null);
        MessageConsumer check = env.session().createConsumer(queue);
        for (int i = 0; i < 4; i++) {
            Id id = xid();
            b.resource.start(id, XAResource.TMNOFLAGS);
            MessageProducer producer = b.session.createProducer(queue);
            producer.setDeliveryMode(DeliveryMode.NON_PERSISTENT);
            producer.send(b.session.createTextMessage(Integer.toString(i / 2)));
            b.end(id);
            Env.equal(XAResource.XA_OK, b.prepare(id), "vote");
            if (i % 2 == 0) {
                b.resource.commit(id, false);
            } else {
                b.resource.rollback(id);
            }
        }
        Env.expectNumbers(check, 0, 2);
        Env.none(check);
    }

    private static void many(Env env) throws Exception {
        int n = 300;
        Queue queue = env.queue("q");
        Branch b = new Branch(env, null);
        List<Id> ids = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            Id id = xid();
            ids.add(id);
            b.resource.start(id, XAResource.TMNOFLAGS);
            b.send(queue, i);
            b.end(id);
            b.prepare(id);
        }
        Branch other = new Branch(env, null);
        Env.check(other.resource.recover(XAResource.TMSTARTRSCAN).length >= n, "recover");
        for (Id id : ids) {
            other.resource.commit(id, false);
        }
        Env.expectNumbers(env.session().createConsumer(queue), 0, n);
    }

    /** What a branch gives back is delivered before what lies behind it. */
    private static void inPlace(Env env) throws Exception {
        Queue queue = env.queue("q");
        Env.sendNumbers(env.session(), queue, 0, 6);
        Branch b = new Branch(env, null);
        MessageConsumer consumer = b.session.createConsumer(queue);
        Id id = xid();
        b.resource.start(id, XAResource.TMNOFLAGS);
        Env.expectNumbers(consumer, 0, 3);
        b.end(id);
        b.prepare(id);
        b.connection.close();
        Branch other = new Branch(env, null);
        other.resource.rollback(id);
        Env.expectNumbers(env.session().createConsumer(queue), 0, 6);
    }
}
