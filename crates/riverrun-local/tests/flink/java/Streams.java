import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.functions.co.CoFlatMapFunction;
import org.apache.flink.streaming.api.functions.co.CoMapFunction;
import org.apache.flink.streaming.api.functions.co.KeyedBroadcastProcessFunction;
import org.apache.flink.streaming.api.functions.co.KeyedCoProcessFunction;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.util.Collector;

/** Several streams in one: nothing here depends on which stream's records come first. */
final class Streams {
    /** Puts two streams into the order of their timestamps, by a timer for each time. */
    static final class Merge extends KeyedCoProcessFunction<String, Event, Event, String> {
        private transient MapState<Long, List<String>> waiting;

        @Override
        public void open(OpenContext context) {
            waiting = getRuntimeContext()
                    .getMapState(new MapStateDescriptor<>("waiting", Types.LONG, Types.LIST(Types.STRING)));
        }

        @Override
        public void processElement1(Event event, Context context, Collector<String> out) throws Exception {
            keep("left " + event.value, event.time, context);
        }

        @Override
        public void processElement2(Event event, Context context, Collector<String> out) throws Exception {
            keep("right " + event.value, event.time, context);
        }

        private void keep(String what, long time, Context context) throws Exception {
            List<String> there = waiting.contains(time) ? waiting.get(time) : new ArrayList<>();
            there.add(what);
            waiting.put(time, there);
            context.timerService().registerEventTimeTimer(time);
        }

        @Override
        public void onTimer(long time, OnTimerContext context, Collector<String> out) throws Exception {
            for (String what : waiting.get(time).stream().sorted().toList()) {
                out.collect(context.getCurrentKey() + " " + what + "@" + time);
            }
            waiting.remove(time);
        }
    }

    /** Values times the factor that was broadcast last at or before their time. */
    static final class Scale extends KeyedBroadcastProcessFunction<String, Event, Event, String> {
        static final MapStateDescriptor<Long, Long> FACTORS =
                new MapStateDescriptor<>("factors", Types.LONG, Types.LONG);
        private transient MapState<Long, List<Long>> waiting;

        @Override
        public void open(OpenContext context) {
            waiting = getRuntimeContext()
                    .getMapState(new MapStateDescriptor<>("waiting", Types.LONG, Types.LIST(Types.LONG)));
        }

        @Override
        public void processElement(Event event, ReadOnlyContext context, Collector<String> out) throws Exception {
            List<Long> there = waiting.contains(event.time) ? waiting.get(event.time) : new ArrayList<>();
            there.add(event.value);
            waiting.put(event.time, there);
            context.timerService().registerEventTimeTimer(event.time);
        }

        @Override
        public void processBroadcastElement(Event event, Context context, Collector<String> out) throws Exception {
            // Of several at one time the greatest counts.
            Long before = context.getBroadcastState(FACTORS).get(event.time);
            context.getBroadcastState(FACTORS)
                    .put(event.time, before == null ? event.value : Math.max(before, event.value));
        }

        @Override
        public void onTimer(long time, OnTimerContext context, Collector<String> out) throws Exception {
            long since = Long.MIN_VALUE;
            long factor = 1;
            for (Map.Entry<Long, Long> entry : context.getBroadcastState(FACTORS).immutableEntries()) {
                if (entry.getKey() <= time && entry.getKey() >= since) {
                    since = entry.getKey();
                    factor = entry.getValue();
                }
            }
            for (long value : waiting.get(time)) {
                out.collect(context.getCurrentKey() + " " + value + " times " + factor + " at " + time);
            }
            waiting.remove(time);
        }
    }

    static void add(Programs programs) {
        // The slower of the two streams decides when a window fires; nothing is late for it.
        programs.byKey("union_windows", in -> in.events("left", 6)
                .union(in.events("right", 6)).keyBy(event -> event.key)
                .window(TumblingEventTimeWindows.of(Windows.ms(10))).sum("value")
                .map(event -> event.key + " " + event.value));
        programs.byKey("union_of_an_empty_stream", in -> in.events("left", 6)
                .union(in.events("empty", 0)).keyBy(event -> event.key)
                .window(TumblingEventTimeWindows.of(Windows.ms(10))).process(Show.pane()));
        programs.byKey("union_with_itself", in -> {
            var left = in.events("left", 6);
            return left.union(left).keyBy(event -> event.key)
                    .window(TumblingEventTimeWindows.of(Windows.ms(10))).sum("value")
                    .map(event -> event.key + " " + event.value);
        });

        programs.byKey("connect_map", in -> in.events("left", 6).connect(in.events("right", 6))
                .map(new CoMapFunction<Event, Event, String>() {
                    @Override
                    public String map1(Event event) {
                        return "left " + event;
                    }

                    @Override
                    public String map2(Event event) {
                        return "right " + -event.value;
                    }
                }));
        programs.byKey("connect_flat_map", in -> in.events("left", 6).connect(in.events("right", 6))
                .flatMap(new CoFlatMapFunction<Event, Event, String>() {
                    @Override
                    public void flatMap1(Event event, Collector<String> out) {
                        for (long n = 0; n < event.value % 3; n++) {
                            out.collect("left " + event.value + " " + n);
                        }
                    }

                    @Override
                    public void flatMap2(Event event, Collector<String> out) {
                        if (event.value % 2 == 0) {
                            out.collect("right " + event);
                        }
                    }
                }));
        programs.byKey("connect_process_timers", in -> in.keyed("left", 6).connect(in.keyed("right", 6))
                .process(new Merge()));
        programs.byKey("broadcast_state", in -> in.keyed("left", 6)
                .connect(in.events("factors", 2).broadcast(Scale.FACTORS)).process(new Scale()));
    }
}
