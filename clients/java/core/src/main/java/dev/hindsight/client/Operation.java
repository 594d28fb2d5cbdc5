package dev.hindsight.client;

import dev.hindsight.client.spill.StrictJournal;

/**
 * An operation under way: says at its end what came of it, exactly once. Closed without a word it failed: the code between
 * left by a way that nobody thought of.
 *
 * <p>Never throws. Not thread-safe, but may end on another thread than it began on.
 */
public final class Operation implements AutoCloseable {

    private final HindsightClient client;
    private final AuditEvent event;
    private final EventEncoder.States states;
    private final StrictJournal.Entry entry;
    private boolean ended;

    Operation(HindsightClient client, AuditEvent event, EventEncoder.States states, StrictJournal.Entry entry) {
        this.client = client;
        this.event = event;
        this.states = states;
        this.entry = entry;
    }

    /** The state before, read now. */
    public Operation before(Object state) {
        client.quietly(() -> client.encoder.captureBefore(states, state));
        return this;
    }

    /** The state after, read now. */
    public Operation after(Object state) {
        client.quietly(() -> client.encoder.captureAfter(states, state));
        return this;
    }

    /** The result, read now. */
    public Operation response(Object result) {
        client.quietly(() -> client.encoder.captureResponse(states, result));
        return this;
    }

    /** The event, to say what is known only now: a target, a measure. States are said here instead. */
    public AuditEvent event() {
        return event;
    }

    /** It succeeded. */
    public void succeed() {
        end();
    }

    /** It failed. */
    public void fail(Throwable why) {
        String message = why.getMessage();
        fail(message == null ? why.getClass().getName() : why.getClass().getSimpleName() + ": " + message);
    }

    /** It failed. */
    public void fail(String why) {
        if (!ended) {
            event.error(why);
            end();
        }
    }

    private void end() {
        if (!ended) {
            ended = true;
            client.quietly(() -> client.complete(event, states, entry));
        }
    }

    @Override
    public void close() {
        fail("the operation ended without saying how");
    }
}
