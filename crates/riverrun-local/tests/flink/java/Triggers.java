import org.apache.flink.api.common.state.ReducingState;
import org.apache.flink.api.common.state.ReducingStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.windowing.assigners.EventTimeSessionWindows;
import org.apache.flink.streaming.api.windowing.assigners.GlobalWindows;
import org.apache.flink.streaming.api.windowing.assigners.MergingWindowAssigner;
import org.apache.flink.streaming.api.windowing.assigners.SlidingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.WindowAssigner;
import org.apache.flink.streaming.api.windowing.triggers.ContinuousEventTimeTrigger;
import org.apache.flink.streaming.api.windowing.triggers.CountTrigger;
import org.apache.flink.streaming.api.windowing.triggers.EventTimeTrigger;
import org.apache.flink.streaming.api.windowing.triggers.PurgingTrigger;
import org.apache.flink.streaming.api.windowing.triggers.Trigger;
import org.apache.flink.streaming.api.windowing.triggers.TriggerResult;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;

/** When a window fires, and what of it is left. */
final class Triggers {
    /** Fires when the values of a window add up to `limit` or more, once, with a purge; and at the window's end. */
    static final class WhenSumReaches extends Trigger<Event, TimeWindow> {
        private final long limit;
        private final ReducingStateDescriptor<Long> sum = new ReducingStateDescriptor<>("sum", Long::sum, Types.LONG);

        WhenSumReaches(long limit) {
            this.limit = limit;
        }

        @Override
        public TriggerResult onElement(Event event, long timestamp, TimeWindow window, TriggerContext context)
                throws Exception {
            if (window.maxTimestamp() <= context.getCurrentWatermark()) {
                return TriggerResult.FIRE;
            }
            context.registerEventTimeTimer(window.maxTimestamp());
            ReducingState<Long> state = context.getPartitionedState(sum);
            state.add(event.value);
            if (state.get() < limit) {
                return TriggerResult.CONTINUE;
            }
            state.clear();
            return TriggerResult.FIRE_AND_PURGE;
        }

        @Override
        public TriggerResult onEventTime(long time, TimeWindow window, TriggerContext context) {
            return time == window.maxTimestamp() ? TriggerResult.FIRE : TriggerResult.CONTINUE;
        }

        @Override
        public TriggerResult onProcessingTime(long time, TimeWindow window, TriggerContext context) {
            return TriggerResult.CONTINUE;
        }

        @Override
        public void clear(TimeWindow window, TriggerContext context) throws Exception {
            context.deleteEventTimeTimer(window.maxTimestamp());
            context.getPartitionedState(sum).clear();
        }

        @Override
        public boolean canMerge() {
            return true;
        }

        @Override
        public void onMerge(TimeWindow window, OnMergeContext context) {
            context.mergePartitionedState(sum);
            if (window.maxTimestamp() > context.getCurrentWatermark()) {
                context.registerEventTimeTimer(window.maxTimestamp());
            }
        }
    }

    /** Registers timers that no window's end explains: a little after each record, also where that has gone by. */
    static final class SoonAfter extends Trigger<Event, TimeWindow> {
        private final long delay;

        SoonAfter(long delay) {
            this.delay = delay;
        }

        @Override
        public TriggerResult onElement(Event event, long timestamp, TimeWindow window, TriggerContext context) {
            context.registerEventTimeTimer(timestamp + delay);
            return event.value % 5 == 0 ? TriggerResult.PURGE : TriggerResult.CONTINUE;
        }

        @Override
        public TriggerResult onEventTime(long time, TimeWindow window, TriggerContext context) {
            return TriggerResult.FIRE;
        }

        @Override
        public TriggerResult onProcessingTime(long time, TimeWindow window, TriggerContext context) {
            return TriggerResult.CONTINUE;
        }

        @Override
        public void clear(TimeWindow window, TriggerContext context) {}
    }

    private static void show(Programs programs, String name, String input, long bound,
            WindowAssigner<Object, TimeWindow> windows, Trigger<? super Event, ? super TimeWindow> trigger) {
        var show = windows instanceof MergingWindowAssigner ? Show.merged() : Show.pane();
        programs.byWindow(name, in -> in.keyed(input, bound).window(windows).trigger(trigger).process(show));
    }

    static void add(Programs programs) {
        var tumbling = TumblingEventTimeWindows.of(Windows.ms(20));
        var sliding = SlidingEventTimeWindows.of(Windows.ms(20), Windows.ms(10));
        var session = EventTimeSessionWindows.withGap(Windows.ms(10));

        show(programs, "trigger_event_time_purging", "disordered", 8, tumbling,
                PurgingTrigger.of(EventTimeTrigger.create()));
        show(programs, "trigger_count", "disordered", 8, tumbling, CountTrigger.of(3));
        show(programs, "trigger_count_sliding", "disordered", 8, sliding, CountTrigger.of(4));
        show(programs, "trigger_count_session", "bursts", 4, session, CountTrigger.of(3));
        show(programs, "trigger_purging_count", "disordered", 8, tumbling, PurgingTrigger.of(CountTrigger.of(3)));
        show(programs, "trigger_continuous", "disordered", 8, tumbling,
                ContinuousEventTimeTrigger.of(Windows.ms(6)));
        show(programs, "trigger_continuous_session", "bursts", 4, session,
                ContinuousEventTimeTrigger.of(Windows.ms(7)));
        show(programs, "trigger_continuous_purging", "disordered", 8, sliding,
                PurgingTrigger.of(ContinuousEventTimeTrigger.of(Windows.ms(5))));
        show(programs, "trigger_continuous_before_1970", "before_1970", 5, tumbling,
                ContinuousEventTimeTrigger.of(Windows.ms(6)));
        show(programs, "trigger_custom", "disordered", 8, tumbling, new WhenSumReaches(100));
        show(programs, "trigger_custom_session", "bursts", 4, session, new WhenSumReaches(150));
        show(programs, "trigger_custom_timers", "disordered", 8, tumbling, new SoonAfter(3));

        programs.byKey("trigger_global_count", in -> in.keyed("orderly", 0)
                .window(GlobalWindows.create()).trigger(CountTrigger.of(10)).process(Show.globally()));
        programs.byKey("trigger_global_purging_count", in -> in.keyed("orderly", 0)
                .window(GlobalWindows.create()).trigger(PurgingTrigger.of(CountTrigger.of(10)))
                .process(Show.globally()));
    }
}
