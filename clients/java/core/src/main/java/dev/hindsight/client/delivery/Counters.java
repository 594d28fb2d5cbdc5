package dev.hindsight.client.delivery;

import java.util.concurrent.atomic.LongAdder;

/** What became of events; each recorded one ends in exactly one of the others. */
public final class Counters {
    public final LongAdder recorded = new LongAdder();
    public final LongAdder kept = new LongAdder();
    public final LongAdder refused = new LongAdder();
    public final LongAdder lost = new LongAdder();
}
