import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.WindowedStream;
import org.apache.flink.streaming.api.functions.windowing.ProcessAllWindowFunction;
import org.apache.flink.streaming.api.functions.windowing.ProcessWindowFunction;
import org.apache.flink.streaming.api.functions.windowing.WindowFunction;
import org.apache.flink.streaming.api.windowing.assigners.EventTimeSessionWindows;
import org.apache.flink.streaming.api.windowing.assigners.SlidingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;

/** What is computed of a window. */
final class WindowFunctions {
    /** Sum, count and greatest value. */
    static final class Statistics implements AggregateFunction<Event, long[], String> {
        @Override
        public long[] createAccumulator() {
            return new long[] {0, 0, Long.MIN_VALUE};
        }

        @Override
        public long[] add(Event event, long[] to) {
            return merge(to, new long[] {event.value, 1, event.value});
        }

        @Override
        public String getResult(long[] of) {
            return "sum " + of[0] + " count " + of[1] + " greatest " + of[2];
        }

        @Override
        public long[] merge(long[] a, long[] b) {
            return new long[] {a[0] + b[0], a[1] + b[1], Math.max(a[2], b[2])};
        }
    }

    /** Puts the key and the window before what was aggregated. */
    static final class Where extends ProcessWindowFunction<String, String, String, TimeWindow> {
        @Override
        public void process(String key, Context context, Iterable<String> one, Collector<String> out) {
            out.collect(key + " " + Show.window(context.window()) + " " + one.iterator().next());
        }
    }

    static final class ShowReduced extends ProcessWindowFunction<Event, String, String, TimeWindow> {
        @Override
        public void process(String key, Context context, Iterable<Event> one, Collector<String> out) {
            out.collect(key + " " + Show.window(context.window()) + " " + one.iterator().next().value
                    + " at " + context.currentWatermark());
        }
    }

    private static Event add(Event a, Event b) {
        return new Event(a.key, a.value + b.value, Math.max(a.time, b.time));
    }

    private static DataStream<String> lines(DataStream<Event> events) {
        return events.map(Event::toString);
    }

    private static WindowedStream<Event, String, TimeWindow> ties(Inputs in) {
        return in.keyed("ties", 0).window(TumblingEventTimeWindows.of(Windows.ms(10)));
    }

    static void add(Programs programs) {
        programs.byKey("window_reduce", in -> lines(in.keyed("disordered", 8)
                .window(SlidingEventTimeWindows.of(Windows.ms(15), Windows.ms(5))).reduce(WindowFunctions::add)));
        programs.byKey("window_sum", in -> lines(in.keyed("disordered", 8)
                .window(TumblingEventTimeWindows.of(Windows.ms(10))).sum("value")));
        programs.byKey("window_sum_sliding", in -> lines(in.keyed("before_1970", 5)
                .window(SlidingEventTimeWindows.of(Windows.ms(60), Windows.ms(1))).sum("value")));
        programs.byKey("window_min", in -> lines(ties(in).min("value")));
        programs.byKey("window_max", in -> lines(ties(in).max("value")));
        programs.byKey("window_min_by", in -> lines(ties(in).minBy("value")));
        programs.byKey("window_max_by", in -> lines(ties(in).maxBy("value")));
        programs.byKey("window_max_by_last", in -> lines(ties(in).maxBy("value", false)));
        programs.ordered("window_all_max_by", in -> lines(in.events("ties", 0)
                .windowAll(TumblingEventTimeWindows.of(Windows.ms(10))).maxBy("value")));

        programs.byKey("window_aggregate_process", in -> in.keyed("disordered", 8)
                .window(SlidingEventTimeWindows.of(Windows.ms(20), Windows.ms(5)))
                .aggregate(new Statistics(), new Where()));
        programs.byKey("session_aggregate_process", in -> in.keyed("bursts", 4)
                .window(EventTimeSessionWindows.withGap(Windows.ms(10)))
                .aggregate(new Statistics(), new Where()));
        programs.byKey("window_reduce_process", in -> in.keyed("disordered", 8)
                .window(TumblingEventTimeWindows.of(Windows.ms(10)))
                .reduce(WindowFunctions::add, new ShowReduced()));
        programs.ordered("window_all_aggregate_process", in -> in.events("before_1970", 5)
                .windowAll(TumblingEventTimeWindows.of(Windows.ms(10)))
                .aggregate(new Statistics(), new ProcessAllWindowFunction<String, String, TimeWindow>() {
                    @Override
                    public void process(Context context, Iterable<String> one, Collector<String> out) {
                        out.collect(Show.window(context.window()) + " " + one.iterator().next());
                    }
                }));
        programs.byKey("window_apply", in -> in.keyed("disordered", 8)
                .window(TumblingEventTimeWindows.of(Windows.ms(10)))
                .apply(new WindowFunction<Event, String, String, TimeWindow>() {
                    @Override
                    public void apply(String key, TimeWindow window, Iterable<Event> events, Collector<String> out) {
                        for (Event event : events) {
                            out.collect(key + " " + Show.window(window) + " " + event);
                        }
                    }
                }));

        // A window's result has the timestamp of the window's last millisecond.
        programs.ordered("windows_of_windows", in -> in.keyed("disordered", 8)
                .window(TumblingEventTimeWindows.of(Windows.ms(10))).sum("value")
                .windowAll(TumblingEventTimeWindows.of(Windows.ms(30)))
                .reduce((a, b) -> add(new Event("all", a.value, a.time), b))
                .map(Event::toString));
    }
}
