package dev.hindsight.client.delivery;

/**
 * When a batch is due, and how much goes into it ({@code clients/vectors/batches.json}).
 *
 * @param events a batch is due at this many events, and has no more
 * @param bytes a batch is due at this many bytes, and has no more unless one event alone has
 * @param waitMs a batch is due when its oldest event waited so long
 */
public record BatchRule(int events, int bytes, long waitMs) {

    /** When what waits is due. */
    long dueAt(int waiting, long waitingBytes, long oldestAt) {
        return waiting >= events || waitingBytes >= bytes ? oldestAt : oldestAt + waitMs;
    }
}
