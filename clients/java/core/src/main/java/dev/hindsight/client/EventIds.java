package dev.hindsight.client;

import java.security.SecureRandom;

/**
 * Event ids: UUIDv7 (RFC 9562) of the present millisecond and 74 random bits.
 *
 * <p>Made here and not by the edge, so that an event that is sent twice is one event. Random bits come from the system's
 * generator, taken in blocks: asked for each id alone it costs more than all the rest of a call.
 */
final class EventIds {

    private static final int ID_BYTES = 10;
    private static final char[] HEX = "0123456789abcdef".toCharArray();

    private final SecureRandom source = new SecureRandom();
    private final byte[] block = new byte[ID_BYTES * 256];
    private int used = block.length;

    String next(long unixMs) {
        byte[] id = new byte[16];
        for (int at = 0; at < 6; at++) {
            id[at] = (byte) (unixMs >>> (40 - 8 * at));
        }
        synchronized (this) {
            if (used == block.length) {
                source.nextBytes(block);
                used = 0;
            }
            System.arraycopy(block, used, id, 6, ID_BYTES);
            used += ID_BYTES;
        }
        id[6] = (byte) (id[6] & 0x0f | 0x70);
        id[8] = (byte) (id[8] & 0x3f | 0x80);
        return text(id);
    }

    private static String text(byte[] id) {
        char[] text = new char[36];
        int to = 0;
        for (int at = 0; at < id.length; at++) {
            if (at == 4 || at == 6 || at == 8 || at == 10) {
                text[to++] = '-';
            }
            text[to++] = HEX[id[at] >> 4 & 15];
            text[to++] = HEX[id[at] & 15];
        }
        return new String(text);
    }
}
