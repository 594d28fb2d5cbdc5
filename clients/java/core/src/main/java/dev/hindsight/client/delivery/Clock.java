package dev.hindsight.client.delivery;

/** Time that never goes back; tests have their own. */
@FunctionalInterface
public interface Clock {

    /** Milliseconds since some moment. */
    long nowMs();

    /** The machine's monotonic clock. */
    static Clock monotonic() {
        return () -> System.nanoTime() / 1_000_000;
    }
}
