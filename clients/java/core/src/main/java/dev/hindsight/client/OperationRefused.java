package dev.hindsight.client;

/** A strict operation must not run, because its audit event can't be kept. Thrown before the operation, never after it. */
public final class OperationRefused extends RuntimeException {

    OperationRefused(String why, Throwable cause) {
        super("the operation is refused, because its audit event can't be kept: " + why, cause);
    }
}
