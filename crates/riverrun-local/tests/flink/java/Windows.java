import java.time.Duration;
import org.apache.flink.streaming.api.windowing.assigners.EventTimeSessionWindows;
import org.apache.flink.streaming.api.windowing.assigners.GlobalWindows;
import org.apache.flink.streaming.api.windowing.assigners.MergingWindowAssigner;
import org.apache.flink.streaming.api.windowing.assigners.SlidingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.WindowAssigner;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;

/** Which windows a record is in, and when they fire. */
final class Windows {
    static Duration ms(long milliseconds) {
        return Duration.ofMillis(milliseconds);
    }

    private static void show(Programs programs, String name, String input, long bound,
            WindowAssigner<Object, TimeWindow> windows) {
        var show = windows instanceof MergingWindowAssigner ? Show.merged() : Show.pane();
        programs.byKey(name, in -> in.keyed(input, bound).window(windows).process(show));
    }

    private static void showAll(Programs programs, String name, String input, long bound,
            WindowAssigner<Object, TimeWindow> windows) {
        programs.ordered(name, in -> in.events(input, bound).windowAll(windows)
                .process(new Show.All(windows instanceof MergingWindowAssigner)));
    }

    static void add(Programs programs) {
        show(programs, "tumbling", "disordered", 8, TumblingEventTimeWindows.of(ms(10)));
        show(programs, "tumbling_edges", "edges", 0, TumblingEventTimeWindows.of(ms(10)));
        show(programs, "tumbling_offset", "disordered", 8, TumblingEventTimeWindows.of(ms(10), ms(3)));
        show(programs, "tumbling_negative_offset", "edges", 0, TumblingEventTimeWindows.of(ms(10), ms(-4)));
        show(programs, "tumbling_before_1970", "before_1970", 5, TumblingEventTimeWindows.of(ms(7), ms(2)));
        show(programs, "tumbling_empty", "empty", 0, TumblingEventTimeWindows.of(ms(10)));

        show(programs, "sliding", "disordered", 8, SlidingEventTimeWindows.of(ms(20), ms(5)));
        show(programs, "sliding_edges", "edges", 0, SlidingEventTimeWindows.of(ms(10), ms(5)));
        show(programs, "sliding_offset", "disordered", 8, SlidingEventTimeWindows.of(ms(12), ms(4), ms(1)));
        show(programs, "sliding_uneven", "disordered", 8, SlidingEventTimeWindows.of(ms(11), ms(4)));
        show(programs, "sliding_with_gaps", "edges", 0, SlidingEventTimeWindows.of(ms(4), ms(10)));
        show(programs, "sliding_before_1970", "before_1970", 5, SlidingEventTimeWindows.of(ms(9), ms(3), ms(-1)));

        show(programs, "session", "bursts", 4, EventTimeSessionWindows.withGap(ms(10)));
        show(programs, "session_edges", "edges", 0, EventTimeSessionWindows.withGap(ms(5)));
        show(programs, "session_before_1970", "before_1970", 5, EventTimeSessionWindows.withGap(ms(6)));
        programs.byKey("session_dynamic_gap", in -> in.keyed("bursts", 4)
                .window(EventTimeSessionWindows.<Event>withDynamicGap(event -> 2 + Math.floorMod(event.value, 12)))
                .process(Show.merged()));

        programs.byKey("global_end_of_stream", in -> in.keyed("disordered", 8)
                .window(GlobalWindows.createWithEndOfStreamTrigger()).process(Show.atTheEnd()));
        programs.byKey("global_never", in -> in.keyed("disordered", 8)
                .window(GlobalWindows.create()).process(Show.globally()));

        programs.byKey("count_tumbling", in -> in.keyed("orderly", 0)
                .countWindow(7).process(Show.globally()));
        programs.byKey("count_sliding", in -> in.keyed("orderly", 0)
                .countWindow(6, 2).process(Show.globally()));
        programs.ordered("count_all", in -> in.events("orderly", 0).countWindowAll(9)
                .reduce((a, b) -> new Event("all", a.value + b.value, b.time)).map(Event::toString));

        showAll(programs, "tumbling_all", "disordered", 8, TumblingEventTimeWindows.of(ms(10)));
        showAll(programs, "sliding_all", "before_1970", 5, SlidingEventTimeWindows.of(ms(20), ms(10), ms(5)));
        showAll(programs, "session_all", "bursts", 4, EventTimeSessionWindows.withGap(ms(4)));
        showAll(programs, "tumbling_all_empty", "empty", 0, TumblingEventTimeWindows.of(ms(10)));
    }
}
