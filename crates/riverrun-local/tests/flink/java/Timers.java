import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/** Event-time timers of keyed process functions. */
final class Timers {
    /** Says when each timer fires; what is registered and deleted is the program's. */
    abstract static class Alarms extends KeyedProcessFunction<String, Event, String> {
        @Override
        public void onTimer(long time, OnTimerContext context, Collector<String> out) throws Exception {
            out.collect(context.getCurrentKey() + " timer " + time + " at "
                    + context.timerService().currentWatermark() + " stamped " + context.timestamp());
        }
    }

    /** Ends a key's visit when nothing has come for 9 ms: deletes the old timer for each record. */
    static final class Visits extends Alarms {
        private transient ValueState<Long> end;
        private transient ValueState<Long> count;

        @Override
        public void open(OpenContext context) {
            end = getRuntimeContext().getState(new ValueStateDescriptor<>("end", Types.LONG));
            count = getRuntimeContext().getState(new ValueStateDescriptor<>("count", Types.LONG));
        }

        @Override
        public void processElement(Event event, Context context, Collector<String> out) throws Exception {
            long next = event.time + 9;
            if (end.value() != null && end.value() < next) {
                context.timerService().deleteEventTimeTimer(end.value());
            }
            end.update(end.value() == null ? next : Math.max(end.value(), next));
            context.timerService().registerEventTimeTimer(end.value());
            count.update(count.value() == null ? 1 : count.value() + 1);
        }

        @Override
        public void onTimer(long time, OnTimerContext context, Collector<String> out) throws Exception {
            out.collect(context.getCurrentKey() + " visit of " + count.value() + " until " + time);
            end.clear();
            count.clear();
        }
    }

    static void add(Programs programs) {
        programs.byKey("timers", in -> in.keyed("disordered", 8).process(new Alarms() {
            @Override
            public void processElement(Event event, Context context, Collector<String> out) {
                out.collect(event + " watermark " + context.timerService().currentWatermark());
                context.timerService().registerEventTimeTimer(event.time + 5);
            }
        }));

        programs.byKey("timers_twice", in -> in.keyed("ties", 0).process(new Alarms() {
            @Override
            public void processElement(Event event, Context context, Collector<String> out) {
                context.timerService().registerEventTimeTimer(event.time / 4 * 4 + 9);
                context.timerService().registerEventTimeTimer(event.time / 4 * 4 + 9);
            }
        }));

        programs.byKey("timers_deleted", in -> in.keyed("disordered", 8).process(new Alarms() {
            @Override
            public void processElement(Event event, Context context, Collector<String> out) {
                long time = event.time / 5 * 5 + 20;
                if (event.value % 2 == 0) {
                    context.timerService().registerEventTimeTimer(time);
                } else {
                    context.timerService().deleteEventTimeTimer(time);
                }
            }
        }));

        programs.byKey("timers_in_the_past", in -> in.keyed("late", 3).process(new Alarms() {
            @Override
            public void processElement(Event event, Context context, Collector<String> out) {
                out.collect(event + " watermark " + context.timerService().currentWatermark());
                context.timerService().registerEventTimeTimer(event.time - 30);
            }
        }));

        programs.byKey("timers_in_on_timer", in -> in.keyed("disordered", 8).process(new Alarms() {
            @Override
            public void processElement(Event event, Context context, Collector<String> out) {
                context.timerService().registerEventTimeTimer(event.time);
            }

            @Override
            public void onTimer(long time, OnTimerContext context, Collector<String> out) throws Exception {
                super.onTimer(time, context, out);
                if (time % 4 != 0) {
                    context.timerService().registerEventTimeTimer(time + 1);
                    context.timerService().deleteEventTimeTimer(time + 2);
                }
            }
        }));

        programs.byKey("timers_in_on_timer_in_the_past", in -> in.keyed("ties", 0).process(new Alarms() {
            @Override
            public void processElement(Event event, Context context, Collector<String> out) {
                context.timerService().registerEventTimeTimer(event.time + 10);
            }

            @Override
            public void onTimer(long time, OnTimerContext context, Collector<String> out) throws Exception {
                super.onTimer(time, context, out);
                if (time > 6) {
                    context.timerService().registerEventTimeTimer(time - 6);
                }
            }
        }));

        programs.byKey("timers_before_1970", in -> in.keyed("before_1970", 5).process(new Alarms() {
            @Override
            public void processElement(Event event, Context context, Collector<String> out) {
                context.timerService().registerEventTimeTimer(event.time - event.value);
            }
        }));

        programs.byKey("timers_at_the_end", in -> in.keyed("orderly", 0).process(new Alarms() {
            @Override
            public void processElement(Event event, Context context, Collector<String> out) {
                context.timerService().registerEventTimeTimer(Long.MAX_VALUE);
                context.timerService().registerEventTimeTimer(event.time + 1_000_000);
                context.timerService().registerEventTimeTimer(Long.MIN_VALUE);
            }
        }));

        programs.byKey("timers_visits", in -> in.keyed("bursts", 4).process(new Visits()));
    }
}
