import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.flink.streaming.api.functions.windowing.ProcessAllWindowFunction;
import org.apache.flink.streaming.api.functions.windowing.ProcessWindowFunction;
import org.apache.flink.streaming.api.windowing.windows.GlobalWindow;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.streaming.api.windowing.windows.Window;
import org.apache.flink.util.Collector;

/** One line for each firing: the key, the window, and the values in the order they have there, or sorted. */
final class Show<W extends Window> extends ProcessWindowFunction<Event, String, String, W> {
    private final boolean sorted;

    private Show(boolean sorted) {
        this.sorted = sorted;
    }

    static Show<TimeWindow> pane() {
        return new Show<>(false);
    }

    /** For windows that merge: which of them has its values first is any, says Flink's `MergingWindowSet`. */
    static Show<TimeWindow> merged() {
        return new Show<>(true);
    }

    static Show<GlobalWindow> globally() {
        return new Show<>(false);
    }

    /** For windows that fire only at the end of the stream: Flink sorts their input by time, but not within one. */
    static Show<GlobalWindow> atTheEnd() {
        return new Show<>(true);
    }

    @Override
    public void process(String key, Context context, Iterable<Event> events, Collector<String> out) {
        out.collect(key + " " + window(context.window()) + " " + values(events, sorted));
    }

    static String window(Window window) {
        return window instanceof TimeWindow time ? "[" + time.getStart() + "," + time.getEnd() + ")" : "global";
    }

    static String values(Iterable<Event> events, boolean sorted) {
        List<Long> values = new ArrayList<>();
        events.forEach(event -> values.add(event.value));
        if (sorted) {
            values.sort(null);
        }
        return values.stream().map(String::valueOf).collect(Collectors.joining(","));
    }

    /** The same for windows without keys. */
    static final class All extends ProcessAllWindowFunction<Event, String, TimeWindow> {
        private final boolean sorted;

        All(boolean sorted) {
            this.sorted = sorted;
        }

        @Override
        public void process(Context context, Iterable<Event> events, Collector<String> out) {
            out.collect("all " + window(context.window()) + " " + values(events, sorted));
        }
    }
}
