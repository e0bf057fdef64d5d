import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.common.typeinfo.TypeHint;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.connector.source.lib.NumberSequenceSource;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.streaming.api.datastream.AsyncDataStream;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.KeyedStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.async.AsyncFunction;
import org.apache.flink.streaming.api.functions.async.ResultFuture;
import org.apache.flink.streaming.api.functions.co.ProcessJoinFunction;
import org.apache.flink.streaming.api.windowing.assigners.EventTimeSessionWindows;
import org.apache.flink.streaming.api.windowing.assigners.SlidingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.util.Collector;

/**
 * The programs of crates/riverrun-local/benches/flink_programs.rs, on Flink's mini-cluster. Usage: Benchmarks PROGRAM
 * PARALLELISM WARM_UP_RECORDS RECORDS. Prints one line of JSON for the warm-up and one for the measured run.
 */
public final class Benchmarks {
    private static final TypeInformation<Tuple2<Long, Long>> PAIR = TypeInformation.of(new TypeHint<>() {});

    interface Program {
        DataStream<Tuple2<Long, Long>> of(Ticks ticks);
    }

    /** The numbers from 0 as pairs of a key, `n % keys`, and `n`, stamped with `n` divided by the records of a millisecond. */
    record Ticks(StreamExecutionEnvironment env, int parallelism, long records) {
        DataStream<Tuple2<Long, Long>> stream(long keys, long perMillisecond) {
            return stream(keys, perMillisecond, Long.MAX_VALUE, 0);
        }

        /** As above, with a pause in event time after every `burst` records. */
        DataStream<Tuple2<Long, Long>> stream(long keys, long perMillisecond, long burst, long pause) {
            // Each subtask has a run of the sequence; numbered like this, all of them start at 0 and go on side by side.
            long run = records / parallelism;
            long subtasks = parallelism;
            WatermarkStrategy<Long> ascending = WatermarkStrategy.<Long>forMonotonousTimestamps()
                    .withTimestampAssigner((n, before) -> {
                        long tick = n % run * subtasks + n / run;
                        return tick / perMillisecond + tick / burst * pause;
                    });
            return env.fromSource(new NumberSequenceSource(0, run * subtasks - 1), ascending, "ticks").map(n -> {
                long tick = n % run * subtasks + n / run;
                if (tick == 0) {
                    Totals.begin();
                }
                return new Tuple2<>(tick % keys, tick);
            }).returns(PAIR);
        }

        KeyedStream<Tuple2<Long, Long>, Long> keyed(long keys, long perMillisecond) {
            return stream(keys, perMillisecond).keyBy(tick -> tick.f0);
        }
    }

    private static final class Count implements AggregateFunction<Tuple2<Long, Long>, Long, Tuple2<Long, Long>> {
        @Override
        public Long createAccumulator() {
            return 0L;
        }

        @Override
        public Long add(Tuple2<Long, Long> tick, Long count) {
            return count + 1;
        }

        @Override
        public Tuple2<Long, Long> getResult(Long count) {
            return new Tuple2<>(0L, count);
        }

        @Override
        public Long merge(Long a, Long b) {
            return a + b;
        }
    }

    private static final class Pair
            extends ProcessJoinFunction<Tuple2<Long, Long>, Tuple2<Long, Long>, Tuple2<Long, Long>> {
        @Override
        public void processElement(Tuple2<Long, Long> left, Tuple2<Long, Long> right, Context context,
                Collector<Tuple2<Long, Long>> out) {
            out.collect(new Tuple2<>(left.f0, left.f1 + right.f1));
        }
    }

    /** A service that answers every call after the same time, without computing anything. */
    private static final class Service implements AsyncFunction<Tuple2<Long, Long>, Tuple2<Long, Long>> {
        private static final ScheduledExecutorService TIMER = Executors.newSingleThreadScheduledExecutor(task -> {
            Thread thread = new Thread(task, "service");
            thread.setDaemon(true);
            return thread;
        });
        private final long latency;

        Service(long latency) {
            this.latency = latency;
        }

        @Override
        public void asyncInvoke(Tuple2<Long, Long> tick, ResultFuture<Tuple2<Long, Long>> result) {
            if (latency == 0) {
                result.complete(List.of(tick));
            } else {
                TIMER.schedule(() -> result.complete(List.of(tick)), latency, TimeUnit.MILLISECONDS);
            }
        }
    }

    private static DataStream<Tuple2<Long, Long>> ordered(Ticks ticks, long latency) {
        return AsyncDataStream.orderedWait(ticks.stream(1000, 100), new Service(latency), 60, TimeUnit.SECONDS, 1000);
    }

    private static DataStream<Tuple2<Long, Long>> unordered(Ticks ticks, long latency) {
        return AsyncDataStream.unorderedWait(ticks.stream(1000, 100), new Service(latency), 60, TimeUnit.SECONDS, 1000);
    }

    private static Map<String, Program> programs() {
        Map<String, Program> programs = new TreeMap<>();
        programs.put("keyed_sum", ticks -> ticks.keyed(1000, 100).sum(1));
        programs.put("tumbling_sum", ticks -> ticks.keyed(1000, 100)
                .window(TumblingEventTimeWindows.of(Duration.ofSeconds(1))).sum(1));
        programs.put("tumbling_count", ticks -> ticks.keyed(1000, 100)
                .window(TumblingEventTimeWindows.of(Duration.ofSeconds(1))).aggregate(new Count()));
        programs.put("sliding_sum", ticks -> ticks.keyed(100, 10)
                .window(SlidingEventTimeWindows.of(Duration.ofMillis(6000), Duration.ofMillis(100))).sum(1));
        programs.put("session_sum", ticks -> ticks.stream(1000, 100, 50_000, 1000).keyBy(tick -> tick.f0)
                .window(EventTimeSessionWindows.withGap(Duration.ofMillis(500))).sum(1));
        programs.put("interval_join", ticks -> {
            Ticks half = new Ticks(ticks.env, ticks.parallelism, ticks.records / 2);
            return half.keyed(1000, 100).intervalJoin(half.keyed(1000, 100))
                    .between(Duration.ofMillis(-10), Duration.ofMillis(10)).process(new Pair());
        });
        programs.put("async_ordered_50ms", ticks -> ordered(ticks, 50));
        programs.put("async_unordered_50ms", ticks -> unordered(ticks, 50));
        programs.put("async_ordered_at_once", ticks -> ordered(ticks, 0));
        programs.put("async_unordered_at_once", ticks -> unordered(ticks, 0));
        return programs;
    }

    private static void run(Program program, int parallelism, long records) throws Exception {
        StreamExecutionEnvironment env = StreamExecutionEnvironment.createLocalEnvironment(parallelism);
        env.getConfig().enableObjectReuse();
        Totals.reset();
        program.of(new Ticks(env, parallelism, records)).sinkTo(new Totals());

        env.execute();

        System.out.printf("{\"records\": %d, \"seconds\": %.3f, \"results\": %d, \"checksum\": %d}%n", records, Totals.seconds(),
                Totals.count(), Totals.sum());
    }

    public static void main(String[] args) throws Exception {
        Program program = programs().get(args[0]);
        if (program == null) {
            System.err.println("no program `" + args[0] + "`; there are " + String.join(", ", programs().keySet()));
            System.exit(2);
        }
        int parallelism = Integer.parseInt(args[1]);
        run(program, parallelism, Long.parseLong(args[2]));
        run(program, parallelism, Long.parseLong(args[3]));
    }
}
