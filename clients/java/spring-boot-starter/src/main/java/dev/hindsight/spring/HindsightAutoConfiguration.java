package dev.hindsight.spring;

import dev.hindsight.client.HindsightClient;
import org.springframework.beans.factory.BeanFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.EnableAspectJAutoProxy;

/** The client, the aspect of {@link OperationLog}, and the filter that reads a request's visit. Each bean can be replaced. */
@AutoConfiguration
@EnableAspectJAutoProxy(proxyTargetClass = true)
@EnableConfigurationProperties(HindsightProperties.class)
@ConditionalOnProperty(name = "hindsight.enabled", havingValue = "true", matchIfMissing = true)
public class HindsightAutoConfiguration {

    /** One client a service; Spring closes it, which sends what is left. */
    @Bean(destroyMethod = "close")
    @ConditionalOnMissingBean
    HindsightClient hindsightClient(HindsightProperties properties) {
        return HindsightClient.start(properties.options());
    }

    @Bean
    @ConditionalOnMissingBean
    OperationLogAspect operationLogAspect(
            HindsightClient client, ObjectProvider<ActorProvider> actors, BeanFactory beans, HindsightProperties properties) {
        return new OperationLogAspect(
                client, actors.getIfAvailable(() -> () -> null), new OperationExpressions(beans), properties.aspectOrder());
    }

    /** What only services of servlets have. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnWebApplication(type = ConditionalOnWebApplication.Type.SERVLET)
    @ConditionalOnClass(name = "org.springframework.web.filter.OncePerRequestFilter")
    static class Web {

        @Bean
        @ConditionalOnMissingBean
        VisitFilter visitFilter() {
            return new VisitFilter();
        }

        @Bean
        @ConditionalOnMissingBean(ActorProvider.class)
        ActorProvider requestPrincipal() {
            return new RequestPrincipal();
        }
    }
}
