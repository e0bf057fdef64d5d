import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.flink.streaming.api.datastream.AsyncDataStream;
import org.apache.flink.streaming.api.functions.async.AsyncFunction;
import org.apache.flink.streaming.api.functions.async.ResultFuture;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.util.retryable.AsyncRetryStrategies;
import org.apache.flink.streaming.util.retryable.RetryPredicates;

/** Asynchronous calls that end in another order than they began. */
final class AsyncCalls {
    /** Answers after a few milliseconds, fewer for greater values. */
    static final class Lookup implements AsyncFunction<Event, Event> {
        @Override
        public void asyncInvoke(Event event, ResultFuture<Event> result) {
            CompletableFuture.delayedExecutor(20 - Math.floorMod(event.value, 20), TimeUnit.MILLISECONDS)
                    .execute(() -> result.complete(List.of(new Event(event.key, event.value * 10, event.time))));
        }
    }

    /** Gives each value as often as its remainder by three says: not at all, once, twice. */
    static final class Several implements AsyncFunction<Event, String> {
        @Override
        public void asyncInvoke(Event event, ResultFuture<String> result) {
            List<String> all = List.of(event + " first", event + " second");
            CompletableFuture.runAsync(() -> result.complete(all.subList(0, (int) Math.floorMod(event.value, 3L))));
        }
    }

    /** Never answers odd values. */
    static final class Silent implements AsyncFunction<Event, String> {
        @Override
        public void asyncInvoke(Event event, ResultFuture<String> result) {
            if (event.value % 2 == 0) {
                result.complete(List.of(event + " answered"));
            }
        }

        @Override
        public void timeout(Event event, ResultFuture<String> result) {
            result.complete(List.of(event + " timed out"));
        }
    }

    /** Fails for the first calls: as often as the value's remainder by four. */
    static final class Flaky implements AsyncFunction<Event, String> {
        private static final Map<String, AtomicInteger> CALLS = new ConcurrentHashMap<>();

        @Override
        public void asyncInvoke(Event event, ResultFuture<String> result) {
            int call = CALLS.computeIfAbsent(event.toString(), of -> new AtomicInteger()).incrementAndGet();
            if (call <= Math.floorMod(event.value, 4)) {
                result.completeExceptionally(new IllegalStateException("call " + call));
            } else {
                result.complete(List.of(event + " at call " + call));
            }
        }
    }

    static void add(Programs programs) {
        programs.ordered("async_ordered", in -> AsyncDataStream
                .orderedWait(in.events("disordered", 8), new Lookup(), 60, TimeUnit.SECONDS, 7)
                .map(Event::toString));
        programs.ordered("async_ordered_several", in -> AsyncDataStream
                .orderedWait(in.events("disordered", 8), new Several(), 60, TimeUnit.SECONDS, 7));
        programs.unordered("async_unordered", in -> AsyncDataStream
                .unorderedWait(in.events("disordered", 8), new Lookup(), 60, TimeUnit.SECONDS, 7)
                .map(Event::toString));
        // Results overtake no watermark: what was late stays late, and nothing else becomes so.
        programs.byKey("async_unordered_windows", in -> AsyncDataStream
                .unorderedWait(in.events("late", 3), new Lookup(), 60, TimeUnit.SECONDS, 7)
                .keyBy(event -> event.key).window(TumblingEventTimeWindows.of(Windows.ms(10)))
                .aggregate(new WindowFunctions.Statistics(), new WindowFunctions.Where()));
        programs.ordered("async_timeout", in -> AsyncDataStream
                .orderedWait(in.events("edges", 0), new Silent(), 50, TimeUnit.MILLISECONDS, 100));
        programs.ordered("async_retry", in -> AsyncDataStream
                .orderedWaitWithRetry(in.events("orderly", 0), new Flaky(), 60, TimeUnit.SECONDS, 10,
                        new AsyncRetryStrategies.FixedDelayRetryStrategyBuilder<String>(5, 1)
                                .ifException(RetryPredicates.HAS_EXCEPTION_PREDICATE).build()));
    }
}
