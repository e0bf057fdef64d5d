import java.util.concurrent.atomic.LongAdder;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.api.connector.sink2.WriterInitContext;
import org.apache.flink.api.java.tuple.Tuple2;

/**
 * Counts the results and adds them up, so that both sides can be seen to do the same work, and takes the time from the
 * first record to the end of the last result, which leaves out how long a cluster takes to start.
 */
final class Totals implements Sink<Tuple2<Long, Long>> {
    private static final LongAdder COUNT = new LongAdder();
    private static final LongAdder SUM = new LongAdder();
    private static volatile long began;
    private static volatile long ended;

    static void reset() {
        COUNT.reset();
        SUM.reset();
    }

    static void begin() {
        began = System.nanoTime();
    }

    static double seconds() {
        return (ended - began) / 1e9;
    }

    static long count() {
        return COUNT.sum();
    }

    static long sum() {
        return SUM.sum();
    }

    @Override
    public SinkWriter<Tuple2<Long, Long>> createWriter(WriterInitContext context) {
        return new SinkWriter<>() {
            private long count;
            private long sum;

            @Override
            public void write(Tuple2<Long, Long> result, Context context) {
                count++;
                sum += result.f1;
            }

            @Override
            public void flush(boolean endOfInput) {}

            @Override
            public void close() {
                ended = System.nanoTime();
                COUNT.add(count);
                SUM.add(sum);
            }
        };
    }
}
