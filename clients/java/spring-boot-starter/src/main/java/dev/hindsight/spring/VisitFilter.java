package dev.hindsight.spring;

import dev.hindsight.client.RequestContext;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.Collections;
import org.springframework.core.Ordered;
import org.springframework.web.filter.OncePerRequestFilter;

/**
 * Reads from a request during which recorded visit it was made, for as long as the thread serves it.
 *
 * <p>The sender's address is what the container says: behind a proxy, set {@code server.forward-headers-strategy}.
 */
public class VisitFilter extends OncePerRequestFilter implements Ordered {

    @Override
    public int getOrder() {
        return Ordered.HIGHEST_PRECEDENCE + 100;
    }

    @Override
    protected void doFilterInternal(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
            throws ServletException, IOException {
        // Baggage may come in several headers, which mean one list.
        String baggage = String.join(",", Collections.list(request.getHeaders("baggage")));
        RequestContext context = RequestContext.parse(request.getHeader("traceparent"), baggage)
                .from(request.getRemoteAddr(), request.getHeader("User-Agent"));
        try (RequestContext.Scope scope = context.enter()) {
            chain.doFilter(request, response);
        }
    }

    /** A request that goes on on another thread needs its context there, too. */
    @Override
    protected boolean shouldNotFilterAsyncDispatch() {
        return false;
    }
}
