import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** What a broker's directory has to hold, kept in a file between the runs that use it. */
final class DirectoryState implements Serializable {
    private static final long serialVersionUID = 1;

    /** What the broker may not change of a message. */
    record Sent(String id, long timestamp, long expiration, int priority) implements Serializable {
    }

    /** Pending messages by queue, and by durable subscription, in order. */
    final Map<String, List<Integer>> queues = new TreeMap<>();
    final Map<String, List<Integer>> subscriptions = new TreeMap<>();
    final Map<Integer, Sent> sent = new HashMap<>();
    int next;
    int round;

    List<Integer> queue(String name) {
        return queues.computeIfAbsent(name, k -> new ArrayList<>());
    }

    static DirectoryState load(Path file) throws IOException, ClassNotFoundException {
        if (!Files.exists(file)) {
            return new DirectoryState();
        }
        try (ObjectInputStream in = new ObjectInputStream(Files.newInputStream(file))) {
            return (DirectoryState) in.readObject();
        }
    }

    void save(Path file) throws IOException {
        try (ObjectOutputStream out = new ObjectOutputStream(Files.newOutputStream(file))) {
            out.writeObject(this);
        }
    }

    int pending() {
        int n = 0;
        for (List<Integer> list : queues.values()) {
            n += list.size();
        }
        for (List<Integer> list : subscriptions.values()) {
            n += list.size();
        }
        return n;
    }
}
