import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Runs the functional cases against one broker: {@code Suite <url> [part of a
 * name [better|plain [class…]]]}, where "better" adds what ActiveMQ cannot do
 * and the classes are those whose cases run. Prints {@code PLAN n}, then {@code PASS name millis} or
 * {@code FAIL name reason} for each case, then {@code DONE passed failed}.
 */
public final class Suite {
    interface Body {
        void run(Env env) throws Exception;
    }

    private record Case(String name, boolean better, Body body) {
    }

    private static final long LIMIT_SECONDS = 60;

    private final List<Case> cases = new ArrayList<>();

    void add(String name, Body body) {
        cases.add(new Case(name, false, body));
    }

    /** Adds a case that ActiveMQ fails, where Conclave has to do better. */
    void addBetter(String name, Body body) {
        cases.add(new Case(name, true, body));
    }

    public static void main(String[] args) {
        Suite suite = new Suite();
        if (args.length > 3) {
            for (int i = 3; i < args.length; i++) {
                suite.addClass(args[i]);
            }
        } else {
            suite.addAll();
        }
        String part = args.length > 1 ? args[1] : "";
        boolean better = args.length > 2 && args[2].equals("better");
        System.exit(suite.run(args[0], part, better) ? 0 : 1);
    }

    /** Adds the cases of a class: its method addTo(Suite). */
    private void addClass(String name) {
        try {
            Class.forName(name).getDeclaredMethod("addTo", Suite.class).invoke(null, this);
        } catch (ReflectiveOperationException e) {
            throw new IllegalArgumentException(name, e);
        }
    }

    private void addAll() {
        Suite suite = this;
        BodyCases.addTo(suite);
        HeaderCases.addTo(suite);
        QueueCases.addTo(suite);
        DeliveryCases.addTo(suite);
        TopicCases.addTo(suite);
        TempCases.addTo(suite);
        TransactionCases.addTo(suite);
        AckCases.addTo(suite);
        DeadLetterCases.addTo(suite);
        PrefetchCases.addTo(suite);
        ConnectionCases.addTo(suite);
        WireCases.addTo(suite);
    }

    private boolean run(String url, String part, boolean better) {
        List<Case> chosen = cases.stream().filter(c -> c.name.contains(part) && (better || !c.better)).toList();
        System.out.println("PLAN " + chosen.size());
        int failed = 0;
        for (Case one : chosen) {
            long start = System.nanoTime();
            String reason = outcome(one, url);
            if (reason == null) {
                System.out.println("PASS " + one.name + " " + (System.nanoTime() - start) / 1_000_000);
            } else {
                failed++;
                System.out.println("FAIL " + one.name + " " + reason.replaceAll("\\p{Cntrl}", " "));
            }
        }
        System.out.println("DONE " + (chosen.size() - failed) + " " + failed);
        return failed == 0;
    }

    /** Null if the case passed, else why it failed. */
    private static String outcome(Case one, String url) {
        Env env = new Env(url, one.name);
        FutureTask<Void> task = new FutureTask<>(() -> {
            one.body.run(env);
            return null;
        });
        Thread thread = new Thread(task, "case " + one.name);
        thread.setDaemon(true);
        thread.start();
        try {
            task.get(LIMIT_SECONDS, TimeUnit.SECONDS);
            return null;
        } catch (TimeoutException e) {
            return "still running after " + LIMIT_SECONDS + " s" + trace(thread.getStackTrace());
        } catch (ExecutionException e) {
            return e.getCause() + trace(e.getCause().getStackTrace());
        } catch (InterruptedException e) {
            return "interrupted";
        } finally {
            env.close();
        }
    }

    /** The innermost frame, and the lines of our own classes. */
    private static String trace(StackTraceElement[] frames) {
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < frames.length; i++) {
            boolean ours = !frames[i].getClassName().contains(".");
            if (i == 0 || ours) {
                out.append(" <- ").append(frames[i].getMethodName()).append('(')
                    .append(frames[i].getFileName()).append(':').append(frames[i].getLineNumber()).append(')');
            }
        }
        return out.toString();
    }
}
