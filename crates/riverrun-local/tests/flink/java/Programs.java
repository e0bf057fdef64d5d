import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.configuration.TaskManagerOptions;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.util.CloseableIterator;

/**
 * All programs; its main runs them on a mini-cluster at parallelism 1 and records what they print. They are one job,
 * for the sake of time: they share nothing.
 */
public final class Programs {
    interface Build {
        DataStream<String> from(Inputs inputs) throws Exception;
    }

    /** Lines with the same beginning have one order. */
    private enum Order {
        TOTAL("total", line -> ""),
        BY_KEY("by key", line -> words(1, line)),
        BY_WINDOW("by window", line -> words(2, line)),
        NONE("none", line -> line);

        private final String said;
        private final Function<String, String> group;

        Order(String said, Function<String, String> group) {
            this.said = said;
            this.group = group;
        }

        private static String words(int count, String line) {
            return Stream.of(line.split(" ")).limit(count).collect(Collectors.joining(" "));
        }
    }

    private record Program(Order order, Build build) {}

    private final Map<String, Program> programs = new TreeMap<>();

    /** A program whose lines come in one order only. */
    void ordered(String name, Build build) {
        add(name, Order.TOTAL, build);
    }

    /** A program whose lines come in one order for each key, the line's first word. */
    void byKey(String name, Build build) {
        add(name, Order.BY_KEY, build);
    }

    /** A program whose lines come in one order for each key and window, the line's first two words. */
    void byWindow(String name, Build build) {
        add(name, Order.BY_WINDOW, build);
    }

    /** A program whose lines may come in any order. */
    void unordered(String name, Build build) {
        add(name, Order.NONE, build);
    }

    private void add(String name, Order order, Build build) {
        if (programs.put(name, new Program(order, build)) != null) {
            throw new IllegalArgumentException("two programs are called " + name);
        }
    }

    /** Usage: Programs INPUTS GOLDEN [NAME…] */
    public static void main(String[] args) throws Exception {
        Programs all = new Programs();
        Keyed.add(all);
        Windows.add(all);
        WindowFunctions.add(all);
        Triggers.add(all);
        Evictors.add(all);
        Lateness.add(all);
        Timers.add(all);
        States.add(all);
        Streams.add(all);
        Joins.add(all);
        AsyncCalls.add(all);

        List<String> names = List.of(args).subList(2, args.length);
        all.programs.keySet().removeIf(name -> !names.isEmpty() && !names.contains(name));
        all.record(Path.of(args[0]), Path.of(args[1]));
    }

    private void record(Path inputs, Path golden) throws Exception {
        Configuration configuration = new Configuration();
        configuration.set(TaskManagerOptions.NETWORK_MEMORY_MIN, MemorySize.ofMebiBytes(256));
        configuration.set(TaskManagerOptions.NETWORK_MEMORY_MAX, MemorySize.ofMebiBytes(256));
        StreamExecutionEnvironment env = StreamExecutionEnvironment.createLocalEnvironment(1, configuration);
        Map<String, CloseableIterator<String>> outputs = new TreeMap<>();
        for (var program : programs.entrySet()) {
            outputs.put(program.getKey(), program.getValue().build.from(new Inputs(env, inputs)).collectAsync());
        }

        env.executeAsync("programs");

        for (var program : programs.entrySet()) {
            List<String> lines = new ArrayList<>();
            outputs.get(program.getKey()).forEachRemaining(lines::add);
            record(golden.resolve(program.getKey() + ".json"), program.getValue().order, lines);
        }
    }

    private static void record(Path file, Order order, List<String> lines) throws IOException {
        // Where several orders may come, the recorded one says nothing more, and is the same in every recording.
        String output = lines.stream().sorted(Comparator.comparing(order.group))
                .map(line -> "\n  \"" + line + "\"").collect(Collectors.joining(","));
        Files.writeString(file, "{\"order\": \"" + order.said + "\", \"output\": [" + output + "\n]}\n");
    }
}
