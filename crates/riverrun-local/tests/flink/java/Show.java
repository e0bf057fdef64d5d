import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.flink.streaming.api.functions.windowing.ProcessAllWindowFunction;
import org.apache.flink.streaming.api.functions.windowing.ProcessWindowFunction;
import org.apache.flink.streaming.api.windowing.windows.GlobalWindow;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.streaming.api.windowing.windows.Window;
import org.apache.flink.util.Collector;

/** One line for each firing: the key, the window, and the values in the order they have there. */
final class Show<W extends Window> extends ProcessWindowFunction<Event, String, String, W> {
    static Show<TimeWindow> pane() {
        return new Show<>();
    }

    static Show<GlobalWindow> globally() {
        return new Show<>();
    }

    @Override
    public void process(String key, Context context, Iterable<Event> events, Collector<String> out) {
        out.collect(key + " " + window(context.window()) + " " + values(events));
    }

    static String window(Window window) {
        return window instanceof TimeWindow time ? "[" + time.getStart() + "," + time.getEnd() + ")" : "global";
    }

    static String values(Iterable<Event> events) {
        List<Long> values = new ArrayList<>();
        events.forEach(event -> values.add(event.value));
        return values.stream().map(String::valueOf).collect(Collectors.joining(","));
    }

    /** The same for windows without keys. */
    static final class All extends ProcessAllWindowFunction<Event, String, TimeWindow> {
        @Override
        public void process(Context context, Iterable<Event> events, Collector<String> out) {
            out.collect("all " + window(context.window()) + " " + values(events));
        }
    }
}
