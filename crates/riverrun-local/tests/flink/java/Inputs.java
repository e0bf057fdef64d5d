import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.flink.api.common.eventtime.Watermark;
import org.apache.flink.api.common.eventtime.WatermarkGenerator;
import org.apache.flink.api.common.eventtime.WatermarkOutput;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.KeyedStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** The recorded inputs as streams, with a watermark after every record, so that no result depends on a clock. */
final class Inputs {
    private final StreamExecutionEnvironment env;
    private final Path directory;

    Inputs(StreamExecutionEnvironment env, Path directory) {
        this.env = env;
        this.directory = directory;
    }

    /** The events of `name`.csv; the watermark stays `bound` ms behind the greatest time so far. */
    DataStream<Event> events(String name, long bound) {
        return unstamped(name)
                .assignTimestampsAndWatermarks(
                        WatermarkStrategy.<Event>forGenerator(context -> new AfterEveryRecord(bound))
                                .withTimestampAssigner((event, before) -> event.time));
    }

    KeyedStream<Event, String> keyed(String name, long bound) {
        return events(name, bound).keyBy(event -> event.key);
    }

    /** The events without timestamps and watermarks. */
    DataStream<Event> unstamped(String name) {
        List<Event> events = read(name);
        if (events.isEmpty()) {
            return env.fromData(new Event("none", 0, 0)).filter(event -> false);
        }
        return env.fromData(events);
    }

    private List<Event> read(String name) {
        try {
            return Files.readAllLines(directory.resolve(name + ".csv")).stream().map(Inputs::parse).toList();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private static Event parse(String line) {
        String[] fields = line.split(",");
        return new Event(fields[0], Long.parseLong(fields[1]), Long.parseLong(fields[2]));
    }

    /** What `BoundedOutOfOrdernessWatermarks` emits now and then, emitted after every record. */
    private static final class AfterEveryRecord implements WatermarkGenerator<Event> {
        private final long bound;
        private long greatest;

        AfterEveryRecord(long bound) {
            this.bound = bound;
            this.greatest = Long.MIN_VALUE + bound + 1;
        }

        @Override
        public void onEvent(Event event, long timestamp, WatermarkOutput output) {
            greatest = Math.max(greatest, timestamp);
            output.emitWatermark(new Watermark(greatest - bound - 1));
        }

        @Override
        public void onPeriodicEmit(WatermarkOutput output) {}
    }
}
