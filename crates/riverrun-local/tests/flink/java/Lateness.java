import org.apache.flink.api.common.state.ReducingStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.functions.windowing.ProcessWindowFunction;
import org.apache.flink.streaming.api.windowing.assigners.EventTimeSessionWindows;
import org.apache.flink.streaming.api.windowing.assigners.MergingWindowAssigner;
import org.apache.flink.streaming.api.windowing.assigners.SlidingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.WindowAssigner;
import org.apache.flink.streaming.api.windowing.triggers.CountTrigger;
import org.apache.flink.streaming.api.windowing.triggers.EventTimeTrigger;
import org.apache.flink.streaming.api.windowing.triggers.PurgingTrigger;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;
import org.apache.flink.util.OutputTag;

/** Records that come after the watermark. */
final class Lateness {
    static final OutputTag<Event> LATE = new OutputTag<>("late") {};
    static final OutputTag<String> CLEARED = new OutputTag<>("cleared") {};

    /** The windows' lines and, marked, the late records. */
    static DataStream<String> withLate(SingleOutputStreamOperator<String> windows) {
        return windows.union(windows.getSideOutput(LATE).map(event -> "late-" + event));
    }

    /** Numbers the firings of each window and of each key, and says when a window's state is cleared. */
    static final class Firings extends ProcessWindowFunction<Event, String, String, TimeWindow> {
        private final ReducingStateDescriptor<Long> count =
                new ReducingStateDescriptor<>("count", Long::sum, Types.LONG);

        @Override
        public void process(String key, Context context, Iterable<Event> events, Collector<String> out)
                throws Exception {
            context.windowState().getReducingState(count).add(1L);
            context.globalState().getReducingState(count).add(1L);
            out.collect(key + " " + Show.window(context.window()) + " " + Show.values(events, false)
                    + " firing " + context.windowState().getReducingState(count).get()
                    + " of " + context.globalState().getReducingState(count).get()
                    + " at " + context.currentWatermark());
        }

        @Override
        public void clear(Context context) throws Exception {
            Long firings = context.windowState().getReducingState(count).get();
            context.output(CLEARED, "cleared " + Show.window(context.window()) + " after " + firings);
            context.windowState().getReducingState(count).clear();
        }
    }

    private static void show(Programs programs, String name, WindowAssigner<Object, TimeWindow> windows,
            long lateness) {
        var show = windows instanceof MergingWindowAssigner ? Show.merged() : Show.pane();
        programs.byWindow(name, in -> withLate(in.keyed("late", 3).window(windows)
                .allowedLateness(Windows.ms(lateness)).sideOutputLateData(LATE).process(show)));
    }

    static void add(Programs programs) {
        var tumbling = TumblingEventTimeWindows.of(Windows.ms(10));
        var sliding = SlidingEventTimeWindows.of(Windows.ms(12), Windows.ms(4));
        var session = EventTimeSessionWindows.withGap(Windows.ms(4));

        programs.byKey("late_dropped", in -> in.keyed("late", 3).window(tumbling).process(Show.pane()));
        show(programs, "late_side_output", tumbling, 0);
        show(programs, "late_side_output_sliding", sliding, 0);
        show(programs, "late_side_output_session", session, 0);
        show(programs, "lateness_tumbling", tumbling, 6);
        show(programs, "lateness_sliding", sliding, 5);
        show(programs, "lateness_session", session, 6);
        show(programs, "lateness_without_end", tumbling, 1_000_000);

        programs.byKey("lateness_sum", in -> in.keyed("late", 3).window(tumbling)
                .allowedLateness(Windows.ms(6)).sum("value").map(Event::toString));
        programs.byKey("lateness_sum_sliding", in -> in.keyed("late", 3).window(sliding)
                .allowedLateness(Windows.ms(6)).sum("value").map(Event::toString));
        programs.byKey("lateness_purging", in -> withLate(in.keyed("late", 3).window(tumbling)
                .trigger(PurgingTrigger.of(EventTimeTrigger.create()))
                .allowedLateness(Windows.ms(6)).sideOutputLateData(LATE).process(Show.pane())));
        programs.byKey("lateness_count_trigger", in -> withLate(in.keyed("late", 3).window(tumbling)
                .trigger(CountTrigger.of(2))
                .allowedLateness(Windows.ms(6)).sideOutputLateData(LATE).process(Show.pane())));
        programs.byKey("lateness_custom_trigger", in -> withLate(in.keyed("late", 3).window(tumbling)
                .trigger(new Triggers.WhenSumReaches(60))
                .allowedLateness(Windows.ms(6)).sideOutputLateData(LATE).process(Show.pane())));
        programs.byKey("lateness_window_state", in -> in.keyed("late", 3).window(tumbling)
                .allowedLateness(Windows.ms(6)).process(new Firings()));
        programs.unordered("lateness_window_cleared", in -> in.keyed("late", 3).window(tumbling)
                .allowedLateness(Windows.ms(6)).process(new Firings()).getSideOutput(CLEARED));
        programs.byKey("lateness_before_1970", in -> withLate(in.keyed("late_before_1970", 3).window(tumbling)
                .allowedLateness(Windows.ms(6)).sideOutputLateData(LATE).process(Show.pane())));

        programs.byKey("only_late", in -> withLate(in.keyed("only_late", 0).window(tumbling)
                .sideOutputLateData(LATE).process(Show.pane())));
        programs.byKey("only_late_session", in -> withLate(in.keyed("only_late", 0).window(session)
                .sideOutputLateData(LATE).process(Show.merged())));
        programs.byKey("late_all", in -> {
            SingleOutputStreamOperator<String> windows = in.events("late", 3).windowAll(tumbling)
                    .allowedLateness(Windows.ms(2)).sideOutputLateData(LATE).process(new Show.All(false));
            return withLate(windows);
        });
    }
}
