package dev.hindsight.spring;

import java.lang.reflect.Method;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.springframework.beans.factory.BeanFactory;
import org.springframework.context.expression.BeanFactoryResolver;
import org.springframework.context.expression.MethodBasedEvaluationContext;
import org.springframework.core.DefaultParameterNameDiscoverer;
import org.springframework.core.ParameterNameDiscoverer;
import org.springframework.expression.EvaluationContext;
import org.springframework.expression.Expression;
import org.springframework.expression.spel.standard.SpelExpressionParser;

/**
 * Evaluates the expressions of {@link OperationLog}. They come from annotations alone, never from a request, and each text
 * is parsed once. Thread-safe.
 */
class OperationExpressions {

    private final SpelExpressionParser parser = new SpelExpressionParser();
    private final ParameterNameDiscoverer names = new DefaultParameterNameDiscoverer();
    private final Map<String, Expression> parsed = new ConcurrentHashMap<>();
    private final BeanFactoryResolver beans;

    OperationExpressions(BeanFactory beans) {
        this.beans = new BeanFactoryResolver(beans);
    }

    /** What the expressions of one call see. */
    EvaluationContext of(Object object, Method method, Object[] arguments) {
        MethodBasedEvaluationContext context = new MethodBasedEvaluationContext(object, method, arguments, names);
        context.setVariable("args", arguments);
        context.setBeanResolver(beans);
        return context;
    }

    Object evaluate(String text, EvaluationContext context) {
        return parsed.computeIfAbsent(text, parser::parseExpression).getValue(context);
    }

    /** The parameters' names; null where the class was compiled without them. */
    String[] names(Method method) {
        return names.getParameterNames(method);
    }
}
