package dev.hindsight.spring;

import dev.hindsight.client.AuditEvent;
import dev.hindsight.client.HindsightClient;
import dev.hindsight.client.Operation;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.reflect.Method;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.function.Supplier;
import org.aspectj.lang.ProceedingJoinPoint;
import org.aspectj.lang.annotation.Around;
import org.aspectj.lang.annotation.Aspect;
import org.aspectj.lang.reflect.MethodSignature;
import org.springframework.aop.support.AopUtils;
import org.springframework.core.Ordered;
import org.springframework.expression.EvaluationContext;

/**
 * Makes each call of an {@link OperationLog} method an audit event.
 *
 * <p>What goes wrong in here never reaches the call, nor changes its result or its exception; only a strict operation is
 * refused, before it runs. A state that can't be loaded is told in the event, under {@code extra.state_errors}.
 */
@Aspect
public class OperationLogAspect implements Ordered {

    private final HindsightClient client;
    private final ActorProvider actors;
    private final OperationExpressions expressions;
    private final int order;

    OperationLogAspect(HindsightClient client, ActorProvider actors, OperationExpressions expressions, int order) {
        this.client = client;
        this.actors = actors;
        this.expressions = expressions;
        this.order = order;
    }

    @Override
    public int getOrder() {
        return order;
    }

    /** One call. */
    @Around("@annotation(log)")
    public Object around(ProceedingJoinPoint call, OperationLog log) throws Throwable {
        Running running = new Running(call, log);
        running.draft();
        Operation operation = client.begin(running.event);
        Object result;
        try {
            result = call.proceed();
        } catch (Throwable failure) {
            running.end(operation, null, failure);
            throw failure;
        }
        if (result instanceof CompletionStage<?> later) {
            return later.whenComplete((value, failure) -> running.end(operation, value, failure));
        }
        running.end(operation, result, null);
        return result;
    }

    /** A call under way. */
    private final class Running {
        private final ProceedingJoinPoint call;
        private final OperationLog log;
        private final AuditEvent event;
        private EvaluationContext context;
        private final Map<String, String> errors = new LinkedHashMap<>(2);
        private final Object[] arguments;
        private Method method;
        private boolean targetIsKnown;

        Running(ProceedingJoinPoint call, OperationLog log) {
            this.log = log;
            this.arguments = call.getArgs();
            this.event = AuditEvent.of(log.operationType());
            this.call = call;
        }

        /** Says what is known before the call. */
        void draft() {
            quietly("call", () -> {
                Method declared = ((MethodSignature) call.getSignature()).getMethod();
                method = AopUtils.getMostSpecificMethod(declared, call.getTarget().getClass());
                return context = expressions.of(call.getTarget(), method, arguments);
            });
            if (!log.operation().isEmpty()) {
                event.operation(log.operation());
            }
            if (log.strict() != OperationLog.Strictness.AS_SET) {
                event.strict(log.strict() == OperationLog.Strictness.STRICT);
            }
            ActorProvider.Actor actor = quietly("actor", actors::current);
            if (actor != null) {
                event.actor(actor.type(), actor.id(), actor.name()).roles(actor.roles());
            }
            if (log.saveArguments()) {
                event.request(quietly("request", this::parameters));
            }
            if (!isAboutResult(log.targetId())) {
                sayTarget();
            }
            sayReferences(false);
            if (log.saveBeforeState() && !log.state().isEmpty()) {
                event.before(quietly("before", () -> expressions.evaluate(log.state(), context)));
            }
        }

        /** Says what came of it; {@code failure} may be null. */
        void end(Operation operation, Object result, Throwable failure) {
            if (failure == null) {
                quietly("end", () -> sayResult(operation, result));
            }
            if (!errors.isEmpty()) {
                event.extra("state_errors", errors);
            }
            if (failure == null) {
                operation.succeed();
            } else {
                operation.fail(failure instanceof CompletionException && failure.getCause() != null ? failure.getCause() : failure);
            }
        }

        private Void sayResult(Operation operation, Object result) {
            context.setVariable("result", result);
            if (isAboutResult(log.targetId())) {
                sayTarget();
            }
            sayReferences(true);
            if (log.saveAfterState()) {
                operation.after(log.state().isEmpty() ? result : quietly("after", () -> expressions.evaluate(log.state(), context)));
            }
            if (log.saveResult()) {
                operation.response(result);
            }
            return null;
        }

        private void sayTarget() {
            if (!log.targetId().isEmpty() && !targetIsKnown) {
                Object id = quietly("target", () -> expressions.evaluate(log.targetId(), context));
                if (id != null) {
                    event.target(log.targetType().isEmpty() ? "target" : log.targetType(), id);
                    targetIsKnown = true;
                }
            }
        }

        private void sayReferences(boolean aboutResult) {
            for (String reference : log.references()) {
                int equals = reference.indexOf('=');
                String expression = reference.substring(equals + 1).strip();
                if (equals > 0 && isAboutResult(expression) == aboutResult) {
                    Object id = quietly("reference", () -> expressions.evaluate(expression, context));
                    if (id != null) {
                        event.reference(reference.substring(0, equals).strip(), id);
                    }
                }
            }
        }

        private static boolean isAboutResult(String expression) {
            return expression.contains("#result");
        }

        private Map<String, Object> parameters() {
            String[] names = expressions.names(method);
            Map<String, Object> parameters = new LinkedHashMap<>();
            for (int at = 0; at < arguments.length; at++) {
                parameters.put(names == null ? "arg" + at : names[at], readable(arguments[at]));
            }
            return parameters;
        }

        /** What is a way to data, and no data, is named only: reading it would take it from the call. */
        private static Object readable(Object argument) {
            if (argument == null) {
                return null;
            }
            String type = argument.getClass().getName();
            boolean isWay = argument instanceof InputStream
                    || argument instanceof OutputStream
                    || argument instanceof java.io.Reader
                    || argument instanceof java.io.Writer
                    || argument instanceof java.util.stream.BaseStream
                    || argument instanceof java.security.Principal
                    || type.startsWith("jakarta.servlet.")
                    || type.startsWith("org.springframework.")
                    || type.startsWith("org.apache.catalina.");
            return isWay ? "[" + argument.getClass().getSimpleName() + "]" : argument;
        }

        private <T> T quietly(String what, Supplier<T> work) {
            try {
                return work.get();
            } catch (RuntimeException | StackOverflowError | LinkageError failure) {
                errors.put(what, failure.getClass().getSimpleName() + ": " + failure.getMessage());
                return null;
            }
        }
    }
}
