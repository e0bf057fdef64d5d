/** Rolling reductions of a keyed stream. */
final class Keyed {
    static void add(Programs programs) {
        programs.ordered("keyed_reduce", in -> in.keyed("orderly", 0)
                .reduce((a, b) -> new Event(a.key, a.value * 3 % 1009 + b.value, Math.max(a.time, b.time)))
                .map(Event::toString));

        programs.ordered("keyed_sum", in -> in.keyed("orderly", 0).sum("value").map(Event::toString));

        // Only the one field is the minimum's: the others stay those of the key's first record.
        programs.ordered("keyed_min", in -> in.keyed("ties", 0).min("value").map(Event::toString));
        programs.ordered("keyed_max", in -> in.keyed("ties", 0).max("value").map(Event::toString));

        programs.ordered("keyed_min_by", in -> in.keyed("ties", 0).minBy("value").map(Event::toString));
        programs.ordered("keyed_max_by", in -> in.keyed("ties", 0).maxBy("value").map(Event::toString));
        programs.ordered("keyed_min_by_last", in -> in.keyed("ties", 0).minBy("value", false).map(Event::toString));
        programs.ordered("keyed_max_by_last", in -> in.keyed("ties", 0).maxBy("value", false).map(Event::toString));

        programs.ordered("keyed_sum_before_1970", in -> in.keyed("before_1970", 5).sum("value").map(Event::toString));
    }
}
