package dev.hindsight.spring;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Each call of the method is an audit event: who, with which parameters, what it was before and after, how it ended.
 *
 * <p>Expressions are SpEL, with the parameters as {@code #name} and {@code #args}, the result as {@code #result} (after the
 * call only), the object as {@code #this} and beans as {@code @bean}. An expression that fails is told in the event and
 * never fails the call. As with all Spring aspects, calls within the same object don't pass it.
 *
 * <p>A method that returns a {@link java.util.concurrent.CompletionStage} ends when that does.
 */
@Documented
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
public @interface OperationLog {

    /** The application's own name for the operation: {@code order.refund}, 下单. */
    String operationType();

    /** create, read, update, delete, login, export, approve or other; empty: guessed from the name by the edge. */
    String operation() default "";

    /** Whether {@link #state} is read before the call and kept as {@code before}. */
    boolean saveBeforeState() default false;

    /** Whether {@link #state}, or without it the result, is kept as {@code after}. */
    boolean saveAfterState() default false;

    /** The state to load: {@code @orders.find(#id)}. Without one there is no state before. */
    String state() default "";

    /** What kind of thing is acted on: {@code order}. */
    String targetType() default "";

    /** Its id: {@code #id}, or {@code #result.id} for what the call creates. */
    String targetId() default "";

    /** Business ids that belong to it, each {@code type=expression}: {@code order=#id}. */
    String[] references() default {};

    /** Whether the parameters are kept as {@code request}. */
    boolean saveArguments() default true;

    /** Whether the result is kept as {@code response}. */
    boolean saveResult() default false;

    /** Whether the call is refused when its event can't be kept. */
    Strictness strict() default Strictness.AS_SET;

    /** Whether a call is refused when its event can't be kept. */
    enum Strictness {
        /** As {@code hindsight.strict} says. */
        AS_SET,
        /** It is refused. */
        STRICT,
        /** It is never refused. */
        LENIENT
    }
}
