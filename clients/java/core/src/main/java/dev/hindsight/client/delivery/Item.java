package dev.hindsight.client.delivery;

import dev.hindsight.client.spill.StrictJournal;

/**
 * One event on its way.
 *
 * @param line its JSON
 * @param at when it was recorded, Unix milliseconds
 * @param entry its place in the journal of strict operations, which may be forgotten once it is kept elsewhere; or null
 */
public record Item(byte[] line, long at, StrictJournal.Entry entry) {

    /** Frees the journal's copy. */
    void keptElsewhere() {
        if (entry != null) {
            entry.done();
        }
    }
}
