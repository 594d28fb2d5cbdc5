package dev.hindsight.client;

/**
 * What became of the events so far: recorded = kept + refused + lost + waiting (and, at a moment, what is on its way).
 *
 * @param recorded events that the application gave
 * @param kept events that the edge holds
 * @param refused events that the edge won't have; they lie in {@code refused.jsonl} of the spill folder
 * @param lost events that found no room in memory or on disk, or came after the close
 * @param waitingInMemory events not yet sent
 * @param waitingBytesOnDisk bytes of events on disk that the edge doesn't hold yet
 * @param isAway whether the edge took nothing at the last try
 */
public record Stats(
        long recorded, long kept, long refused, long lost, int waitingInMemory, long waitingBytesOnDisk, boolean isAway) {}
