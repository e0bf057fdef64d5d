import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;
import org.apache.flink.api.common.functions.CoGroupFunction;
import org.apache.flink.api.common.functions.JoinFunction;
import org.apache.flink.streaming.api.datastream.KeyedStream;
import org.apache.flink.streaming.api.functions.ProcessFunction;
import org.apache.flink.streaming.api.functions.co.ProcessJoinFunction;
import org.apache.flink.streaming.api.windowing.assigners.EventTimeSessionWindows;
import org.apache.flink.streaming.api.windowing.assigners.SlidingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.WindowAssigner;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;

/** Two streams, by key and time. Nothing is late, so nothing depends on which stream's records come first. */
final class Joins {
    /** Pairs, with the timestamp that the pair was given. */
    static final class Pair extends ProcessJoinFunction<Event, Event, String> {
        @Override
        public void processElement(Event left, Event right, Context context, Collector<String> out) {
            out.collect(left + " with " + right.value + "@" + right.time + " stamped " + context.getTimestamp());
        }
    }

    private static String sorted(Iterable<Event> events) {
        return StreamSupport.stream(events.spliterator(), false).map(event -> event.value).sorted()
                .map(String::valueOf).collect(Collectors.joining(","));
    }

    private static void join(Programs programs, String name, String left, String right, long bound,
            WindowAssigner<Object, TimeWindow> windows) {
        programs.unordered(name, in -> in.events(left, bound).join(in.events(right, bound))
                .where(event -> event.key).equalTo(event -> event.key).window(windows)
                .apply(new JoinFunction<Event, Event, String>() {
                    @Override
                    public String join(Event a, Event b) {
                        return a + " with " + b.value + "@" + b.time;
                    }
                }));
    }

    private static void coGroup(Programs programs, String name, WindowAssigner<Object, TimeWindow> windows) {
        programs.byKey(name, in -> in.events("left", 6).coGroup(in.events("right", 6))
                .where(event -> event.key).equalTo(event -> event.key).window(windows)
                .apply(new CoGroupFunction<Event, Event, String>() {
                    @Override
                    public void coGroup(Iterable<Event> a, Iterable<Event> b, Collector<String> out) {
                        List<Event> both = new ArrayList<>();
                        a.forEach(both::add);
                        b.forEach(both::add);
                        out.collect(both.get(0).key + " left " + sorted(a) + " right " + sorted(b));
                    }
                }));
    }

    static void add(Programs programs) {
        var tumbling = TumblingEventTimeWindows.of(Windows.ms(10));
        join(programs, "join_tumbling", "left", "right", 6, tumbling);
        join(programs, "join_sliding", "left", "right", 6,
                SlidingEventTimeWindows.of(Windows.ms(8), Windows.ms(4)));
        join(programs, "join_session", "left", "right", 6, EventTimeSessionWindows.withGap(Windows.ms(3)));
        join(programs, "join_edges", "edges", "edges", 0, tumbling);
        join(programs, "join_with_an_empty_stream", "left", "empty", 6, tumbling);

        coGroup(programs, "co_group_tumbling", tumbling);
        coGroup(programs, "co_group_sliding", SlidingEventTimeWindows.of(Windows.ms(10), Windows.ms(5)));
        coGroup(programs, "co_group_session", EventTimeSessionWindows.withGap(Windows.ms(3)));

        programs.unordered("interval_join", in -> in.keyed("left", 6).intervalJoin(in.keyed("right", 6))
                .between(Windows.ms(-3), Windows.ms(4)).process(new Pair()));
        programs.unordered("interval_join_exclusive", in -> in.keyed("left", 6).intervalJoin(in.keyed("right", 6))
                .between(Windows.ms(-3), Windows.ms(4)).lowerBoundExclusive().upperBoundExclusive()
                .process(new Pair()));
        programs.unordered("interval_join_at_one_time", in -> in.keyed("edges", 0).intervalJoin(in.keyed("edges", 0))
                .between(Windows.ms(0), Windows.ms(0)).process(new Pair()));
        programs.unordered("interval_join_before", in -> in.keyed("left", 6).intervalJoin(in.keyed("right", 6))
                .between(Windows.ms(-9), Windows.ms(-2)).upperBoundExclusive().process(new Pair()));
        programs.unordered("interval_join_after", in -> in.keyed("left", 6).intervalJoin(in.keyed("right", 6))
                .between(Windows.ms(3), Windows.ms(8)).lowerBoundExclusive().process(new Pair()));
        programs.unordered("interval_join_before_1970", in -> {
            KeyedStream<Event, String> events = in.keyed("before_1970", 5);
            return events.intervalJoin(in.keyed("before_1970", 5))
                    .between(Windows.ms(-2), Windows.ms(2)).process(new Pair());
        });
        programs.unordered("interval_join_stamps", in -> in.keyed("left", 6).intervalJoin(in.keyed("right", 6))
                .between(Windows.ms(-3), Windows.ms(4)).process(new Pair())
                .process(new ProcessFunction<String, String>() {
                    @Override
                    public void processElement(String pair, Context context, Collector<String> out) {
                        out.collect(pair + " carries " + context.timestamp());
                    }
                }));
    }
}
