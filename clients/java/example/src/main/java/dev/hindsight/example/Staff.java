package dev.hindsight.example;

import dev.hindsight.spring.ActorProvider;
import java.util.List;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.web.context.request.RequestContextHolder;
import org.springframework.web.context.request.ServletRequestAttributes;

/** Who acts: here by two headers, in a real service by whoever signed in. */
@Configuration
public class Staff {

    @Bean
    ActorProvider actorProvider() {
        return () -> {
            if (RequestContextHolder.getRequestAttributes() instanceof ServletRequestAttributes attributes) {
                String id = attributes.getRequest().getHeader("X-User");
                String name = attributes.getRequest().getHeader("X-User-Name");
                return id == null ? null : new ActorProvider.Actor("user", id, name, List.of("support"));
            }
            return null;
        };
    }
}
