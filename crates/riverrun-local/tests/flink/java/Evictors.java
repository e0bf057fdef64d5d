import java.util.Iterator;
import org.apache.flink.streaming.api.windowing.assigners.GlobalWindows;
import org.apache.flink.streaming.api.windowing.assigners.SlidingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.evictors.CountEvictor;
import org.apache.flink.streaming.api.windowing.evictors.Evictor;
import org.apache.flink.streaming.api.windowing.evictors.TimeEvictor;
import org.apache.flink.streaming.api.windowing.triggers.CountTrigger;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.streaming.runtime.operators.windowing.TimestampedValue;

/** What leaves a window before or after it is computed. */
final class Evictors {
    /** Takes out even values, before or after the function. */
    static final class Odd implements Evictor<Event, TimeWindow> {
        private final boolean after;

        Odd(boolean after) {
            this.after = after;
        }

        @Override
        public void evictBefore(Iterable<TimestampedValue<Event>> events, int size, TimeWindow window,
                EvictorContext context) {
            if (!after) {
                evict(events);
            }
        }

        @Override
        public void evictAfter(Iterable<TimestampedValue<Event>> events, int size, TimeWindow window,
                EvictorContext context) {
            if (after) {
                evict(events);
            }
        }

        private static void evict(Iterable<TimestampedValue<Event>> events) {
            for (Iterator<TimestampedValue<Event>> each = events.iterator(); each.hasNext();) {
                if (each.next().getValue().value % 2 == 0) {
                    each.remove();
                }
            }
        }
    }

    private static void show(Programs programs, String name, Evictor<? super Event, ? super TimeWindow> evictor) {
        programs.byKey(name, in -> in.keyed("disordered", 8)
                .window(TumblingEventTimeWindows.of(Windows.ms(20)))
                .trigger(CountTrigger.of(4)).evictor(evictor).process(Show.pane()));
    }

    static void add(Programs programs) {
        show(programs, "evictor_count_before", CountEvictor.of(3));
        show(programs, "evictor_count_after", CountEvictor.of(3, true));
        show(programs, "evictor_time_before", TimeEvictor.of(Windows.ms(5)));
        show(programs, "evictor_time_after", TimeEvictor.of(Windows.ms(5), true));
        show(programs, "evictor_custom_before", new Odd(false));
        show(programs, "evictor_custom_after", new Odd(true));

        programs.byKey("evictor_sliding", in -> in.keyed("disordered", 8)
                .window(SlidingEventTimeWindows.of(Windows.ms(20), Windows.ms(10)))
                .evictor(CountEvictor.of(2)).process(Show.pane()));
        programs.byKey("evictor_global", in -> in.keyed("orderly", 0)
                .window(GlobalWindows.create()).trigger(CountTrigger.of(3)).evictor(CountEvictor.of(5))
                .process(Show.globally()));
        programs.byKey("evictor_reduce", in -> in.keyed("disordered", 8)
                .window(TumblingEventTimeWindows.of(Windows.ms(20))).evictor(CountEvictor.of(3))
                .reduce((a, b) -> new Event(a.key, a.value + b.value, b.time)).map(Event::toString));
    }
}
