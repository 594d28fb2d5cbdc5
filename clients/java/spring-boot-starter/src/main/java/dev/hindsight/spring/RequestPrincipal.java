package dev.hindsight.spring;

import java.security.Principal;
import org.springframework.web.context.request.RequestContextHolder;
import org.springframework.web.context.request.ServletRequestAttributes;

/** Who acts, by the request's principal, which Spring Security and the containers set. */
class RequestPrincipal implements ActorProvider {

    @Override
    public Actor current() {
        if (RequestContextHolder.getRequestAttributes() instanceof ServletRequestAttributes attributes) {
            Principal principal = attributes.getRequest().getUserPrincipal();
            return principal == null ? null : Actor.user(principal.getName(), null);
        }
        return null;
    }
}
