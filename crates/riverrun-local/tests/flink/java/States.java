import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.AggregatingState;
import org.apache.flink.api.common.state.AggregatingStateDescriptor;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.ReducingState;
import org.apache.flink.api.common.state.ReducingStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.streaming.api.functions.ProcessFunction;
import org.apache.flink.util.Collector;
import org.apache.flink.util.OutputTag;

/** Keyed state of each kind, and side outputs. */
final class States {
    static final OutputTag<Long> LARGE = new OutputTag<>("large") {};

    /** The last value: set, read, cleared by every seventh value. */
    static final class Last extends KeyedProcessFunction<String, Event, String> {
        private transient ValueState<Long> last;

        @Override
        public void open(OpenContext context) {
            last = getRuntimeContext().getState(new ValueStateDescriptor<>("last", Types.LONG));
        }

        @Override
        public void processElement(Event event, Context context, Collector<String> out) throws Exception {
            out.collect(event.key + " " + event.value + " after " + (last.value() == null ? "none" : last.value()));
            if (event.value % 7 == 0) {
                last.clear();
            } else {
                last.update(event.value);
            }
        }
    }

    /** Values in a list, replaced by their sum when there are five. */
    static final class Fives extends KeyedProcessFunction<String, Event, String> {
        private transient ListState<Long> values;

        @Override
        public void open(OpenContext context) {
            values = getRuntimeContext().getListState(new ListStateDescriptor<>("values", Types.LONG));
        }

        @Override
        public void processElement(Event event, Context context, Collector<String> out) throws Exception {
            values.add(event.value);
            List<Long> all = new ArrayList<>();
            values.get().forEach(all::add);
            if (all.size() == 5) {
                long sum = all.stream().mapToLong(Long::longValue).sum();
                values.update(List.of(sum));
                out.collect(event.key + " " + all + " makes " + sum);
            }
        }
    }

    /** How often each remainder by six has been there; one that comes the fourth time is removed. */
    static final class Remainders extends KeyedProcessFunction<String, Event, String> {
        private transient MapState<Long, Long> counts;

        @Override
        public void open(OpenContext context) {
            counts = getRuntimeContext().getMapState(new MapStateDescriptor<>("counts", Types.LONG, Types.LONG));
        }

        @Override
        public void processElement(Event event, Context context, Collector<String> out) throws Exception {
            long remainder = Math.floorMod(event.value, 6L);
            if (counts.contains(remainder) && counts.get(remainder) == 3) {
                counts.remove(remainder);
            } else {
                counts.put(remainder, counts.contains(remainder) ? counts.get(remainder) + 1 : 1);
            }
            TreeMap<Long, Long> sorted = new TreeMap<>();
            counts.entries().forEach(entry -> sorted.put(entry.getKey(), entry.getValue()));
            out.collect(event.key + " " + sorted + (counts.isEmpty() ? " empty" : ""));
        }
    }

    /** A reducing and an aggregating state, both cleared by every tenth of a key's records. */
    static final class Totals extends KeyedProcessFunction<String, Event, String> {
        private transient ReducingState<Long> greatest;
        private transient AggregatingState<Event, String> statistics;
        private transient ValueState<Long> count;

        @Override
        public void open(OpenContext context) {
            greatest = getRuntimeContext()
                    .getReducingState(new ReducingStateDescriptor<>("greatest", Math::max, Types.LONG));
            statistics = getRuntimeContext().getAggregatingState(new AggregatingStateDescriptor<>("statistics",
                    new WindowFunctions.Statistics(), long[].class));
            count = getRuntimeContext().getState(new ValueStateDescriptor<>("count", Types.LONG));
        }

        @Override
        public void processElement(Event event, Context context, Collector<String> out) throws Exception {
            greatest.add(event.value);
            statistics.add(event);
            count.update(count.value() == null ? 1 : count.value() + 1);
            out.collect(event.key + " " + greatest.get() + " " + statistics.get());
            if (count.value() % 10 == 0) {
                greatest.clear();
                statistics.clear();
                out.collect(event.key + " " + greatest.get() + " " + statistics.get());
            }
        }
    }

    static void add(Programs programs) {
        programs.ordered("state_value", in -> in.keyed("orderly", 0).process(new Last()));
        programs.ordered("state_list", in -> in.keyed("orderly", 0).process(new Fives()));
        programs.ordered("state_map", in -> in.keyed("orderly", 0).process(new Remainders()));
        programs.ordered("state_reducing_and_aggregating", in -> in.keyed("orderly", 0).process(new Totals()));

        programs.byKey("side_output", in -> {
            SingleOutputStreamOperator<String> small = in.events("orderly", 0)
                    .process(new ProcessFunction<Event, String>() {
                        @Override
                        public void processElement(Event event, Context context, Collector<String> out) {
                            if (event.value < 30) {
                                out.collect("small " + event + " stamped " + context.timestamp());
                            } else {
                                context.output(LARGE, event.value);
                            }
                        }
                    });
            return small.union(small.getSideOutput(LARGE).map(value -> "large " + value));
        });
    }
}
