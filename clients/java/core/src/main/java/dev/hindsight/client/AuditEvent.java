package dev.hindsight.client;

import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What the application says of one operation. A draft: it is read by {@link HindsightClient#record} and
 * {@link HindsightClient#begin}, on the caller's thread, so objects given as states may change afterwards.
 *
 * <p>Not thread-safe. What isn't said comes from the {@link RequestContext} (session, tab, trace, address, program) or
 * from the client (id, time).
 */
public final class AuditEvent {

    /** What was acted on. */
    public record Target(String type, String id) {}

    /** A business id that belongs to the operation: an order, a policy. */
    public record Reference(String type, String id) {}

    String id;
    Instant occurredAt;
    final String action;
    String operation;
    String actorType;
    String actorId;
    String actorName;
    List<String> roles = List.of();
    final List<Target> targets = new ArrayList<>(1);
    final List<Reference> references = new ArrayList<>(1);
    String error;
    boolean failed;
    Object request;
    Object response;
    Object before;
    Object after;
    final Map<String, Number> measures = new LinkedHashMap<>(2);
    String ip;
    String userAgent;
    String device;
    String sessionId;
    String tab;
    String traceId;
    String retentionClass;
    final Map<String, Object> extra = new LinkedHashMap<>(2);
    Boolean strict;

    private AuditEvent(String action) {
        this.action = action;
    }

    /** An operation by the application's own name: {@code order.refund}, 下单. */
    public static AuditEvent of(String action) {
        return new AuditEvent(action);
    }

    /** The event's id: a UUIDv7, or an own id up to 128 characters. Else the client makes one. */
    public AuditEvent id(String id) {
        this.id = id;
        return this;
    }

    /** When it happened. Else now. */
    public AuditEvent occurredAt(Instant at) {
        occurredAt = at;
        return this;
    }

    /** create, read, update, delete, login, export, approve or other. Else guessed from the action by the edge. */
    public AuditEvent operation(String kind) {
        operation = kind;
        return this;
    }

    /** Who did it. */
    public AuditEvent user(String id, String name) {
        return actor("user", id, name);
    }

    /** Who or what did it. */
    public AuditEvent actor(String type, String id, String name) {
        actorType = type;
        actorId = id;
        actorName = name;
        return this;
    }

    /** The actor's roles at the time. */
    public AuditEvent roles(List<String> names) {
        roles = List.copyOf(names);
        return this;
    }

    /** What was acted on; may be said several times. */
    public AuditEvent target(String type, Object id) {
        targets.add(new Target(type, String.valueOf(id)));
        return this;
    }

    /** A business id that belongs to it; may be said several times. */
    public AuditEvent reference(String type, Object id) {
        references.add(new Reference(type, String.valueOf(id)));
        return this;
    }

    /** It failed, and why. */
    public AuditEvent error(String why) {
        failed = true;
        error = why;
        return this;
    }

    /** The parameters. */
    public AuditEvent request(Object parameters) {
        request = parameters;
        return this;
    }

    /** The result. */
    public AuditEvent response(Object result) {
        response = result;
        return this;
    }

    /** The state before. */
    public AuditEvent before(Object state) {
        before = state;
        return this;
    }

    /** The state after. */
    public AuditEvent after(Object state) {
        after = state;
        return this;
    }

    /** A number to sum and compare: an amount, a count. */
    public AuditEvent measure(String name, Number value) {
        measures.put(name, value);
        return this;
    }

    /** From where; else from the request. */
    public AuditEvent origin(String ip, String userAgent, String device) {
        this.ip = ip;
        this.userAgent = userAgent;
        this.device = device;
        return this;
    }

    /** During which visit; else from the request. */
    public AuditEvent visit(String sessionId, String tab, String traceId) {
        this.sessionId = sessionId;
        this.tab = tab;
        this.traceId = traceId;
        return this;
    }

    /** The retention class; else the project's for audit events. */
    public AuditEvent retentionClass(String name) {
        retentionClass = name;
        return this;
    }

    /** Anything else. */
    public AuditEvent extra(String name, Object value) {
        extra.put(name, value);
        return this;
    }

    /** Whether this operation is refused when its event can't be kept; else the client's setting. */
    public AuditEvent strict(boolean refuses) {
        strict = refuses;
        return this;
    }

    void seen(RequestContext context) {
        if (sessionId == null) {
            sessionId = context.sessionId();
            tab = context.tab();
        }
        traceId = traceId == null ? context.traceId() : traceId;
        ip = ip == null ? context.ip() : ip;
        userAgent = userAgent == null ? context.userAgent() : userAgent;
    }
}
