package dev.hindsight.client.delivery;

import java.util.random.RandomGenerator;

/**
 * How long to wait after failures in a row ({@code clients/vectors/backoff.json}): doubling, with a random half, so that
 * a fleet doesn't come back in one moment.
 */
final class Backoff {

    static final long FIRST_MS = 500;
    static final long MOST_MS = 30_000;
    static final long HOLD_MS = 60_000;
    private static final int MOST_DOUBLINGS = 20;

    private final RandomGenerator random;
    private int failures;

    Backoff(RandomGenerator random) {
        this.random = random;
    }

    void succeeded() {
        failures = 0;
    }

    boolean isFailing() {
        return failures > 0;
    }

    /** The wait after one more failure. */
    long failedMs(Answer answer) {
        failures = Math.min(failures + 1, 1_000);
        long full = Math.min(MOST_MS, FIRST_MS << Math.min(failures - 1, MOST_DOUBLINGS));
        if (answer instanceof Answer.Hold) {
            full = HOLD_MS;
        }
        long backoff = full / 2 + random.nextLong(full / 2 + 1);
        long asked = answer instanceof Answer.Later later ? later.afterMs() : 0;
        return Math.max(asked, backoff);
    }
}
