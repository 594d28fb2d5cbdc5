package dev.hindsight.client;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * During which recorded visit a request was made, and from where: read from {@code traceparent} (W3C Trace Context) and
 * {@code baggage} (W3C Baggage), which the recorder in the page adds.
 *
 * <p>Headers come from anybody: what isn't valid is left out, never thrown, and a header above 8 KiB isn't read. Kept for
 * the thread that serves the request; {@link #wrap} takes it along to another.
 *
 * @param sessionId the visit, or null
 * @param tab the document load, or null
 * @param traceId the trace, or null
 * @param ip the sender's address, or null
 * @param userAgent the sender's program, or null
 */
public record RequestContext(String sessionId, String tab, String traceId, String ip, String userAgent) {

    /** Nothing is known. */
    public static final RequestContext NONE = new RequestContext(null, null, null, null, null);

    private static final int MOST_HEADER_CHARS = 8_192;
    private static final Pattern TRACEPARENT =
            Pattern.compile("(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?");
    private static final Pattern SESSION =
            Pattern.compile("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}");
    private static final Pattern TAB = Pattern.compile("[A-Za-z0-9_-]{1,40}");
    private static final ThreadLocal<RequestContext> CURRENT = new ThreadLocal<>();

    /** Reads the two headers; either may be null. */
    public static RequestContext parse(String traceparent, String baggage) {
        return new RequestContext(
                member(baggage, "hindsight.session", SESSION, true),
                member(baggage, "hindsight.tab", TAB, false),
                traceId(traceparent),
                null,
                null);
    }

    /** The same visit, with the sender's address and program. */
    public RequestContext from(String ip, String userAgent) {
        return new RequestContext(sessionId, tab, traceId, ip, userAgent);
    }

    /** The context of this thread. */
    public static RequestContext current() {
        RequestContext context = CURRENT.get();
        return context == null ? NONE : context;
    }

    /** Makes this the thread's context until the scope is closed, which brings back the one before. */
    public Scope enter() {
        RequestContext before = CURRENT.get();
        CURRENT.set(this);
        return () -> {
            if (before == null) {
                CURRENT.remove();
            } else {
                CURRENT.set(before);
            }
        };
    }

    /** Takes this thread's context along to whichever thread runs the task. */
    public static <T> Callable<T> wrap(Callable<T> task) {
        RequestContext context = current();
        return () -> {
            try (Scope scope = context.enter()) {
                return task.call();
            }
        };
    }

    /** As {@link #wrap(Callable)}. */
    public static Runnable wrap(Runnable task) {
        RequestContext context = current();
        return () -> {
            try (Scope scope = context.enter()) {
                task.run();
            }
        };
    }

    /** How long a context holds. */
    @FunctionalInterface
    public interface Scope extends AutoCloseable {
        @Override
        void close();
    }

    private static String traceId(String traceparent) {
        if (traceparent == null || traceparent.length() > MOST_HEADER_CHARS) {
            return null;
        }
        Matcher parts = TRACEPARENT.matcher(traceparent.strip());
        // Version 00 is exactly these four parts; later versions may have more behind them.
        boolean valid = parts.matches() && (parts.group(3) == null || !parts.group(1).equals("00"));
        return valid ? parts.group(2) : null;
    }

    private static String member(String baggage, String name, Pattern valid, boolean lowerCase) {
        if (baggage == null || baggage.length() > MOST_HEADER_CHARS) {
            return null;
        }
        for (String member : baggage.split(",")) {
            int end = member.indexOf(';');
            String pair = end < 0 ? member : member.substring(0, end);
            int equals = pair.indexOf('=');
            if (equals >= 0 && pair.substring(0, equals).strip().equals(name)) {
                String value = decoded(pair.substring(equals + 1).strip());
                if (value != null && lowerCase) {
                    value = value.toLowerCase(Locale.ROOT);
                }
                if (value != null && valid.matcher(value).matches()) {
                    return value;
                }
            }
        }
        return null;
    }

    /** Percent-decoding; null where it is broken. A plus sign is itself here, unlike in forms. */
    private static String decoded(String text) {
        if (text.indexOf('%') < 0) {
            return text;
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(text.length());
        byte[] raw = text.getBytes(StandardCharsets.UTF_8);
        for (int at = 0; at < raw.length; at++) {
            if (raw[at] != '%') {
                bytes.write(raw[at]);
                continue;
            }
            if (at + 2 >= raw.length) {
                return null;
            }
            int high = Character.digit(raw[at + 1], 16);
            int low = Character.digit(raw[at + 2], 16);
            if (high < 0 || low < 0) {
                return null;
            }
            bytes.write(high << 4 | low);
            at += 2;
        }
        return bytes.toString(StandardCharsets.UTF_8);
    }
}
