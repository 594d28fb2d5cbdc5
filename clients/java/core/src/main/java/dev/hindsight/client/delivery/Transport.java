package dev.hindsight.client.delivery;

import java.util.concurrent.CompletableFuture;

/** Takes a batch to the edge. */
@FunctionalInterface
public interface Transport {

    /** Sends JSON lines; never fails: no answer is a response of status 0. */
    CompletableFuture<Answer.Response> send(byte[] lines);
}
