import type { FastifyInstance } from 'fastify';
import { parseContext, withContext } from './context.ts';

/**
 * Fastify: reads from each request during which recorded visit it was made; events recorded while it is served carry it.
 * The sender's address is `request.ip`: behind a proxy, set `trustProxy`. Register it before the routes.
 */
export function hindsight(app: FastifyInstance, _options: object, done: () => void): void {
  app.addHook('onRequest', (request, _reply, next) => {
    const { traceparent, baggage } = request.headers;
    const context = parseContext(
      first(traceparent),
      Array.isArray(baggage) ? baggage.join(',') : first(baggage),
    );
    context.ip = request.ip;
    const userAgent = request.headers['user-agent'];
    if (userAgent !== undefined) context.userAgent = userAgent;
    withContext(context, next);
  });
  done();
}

// A plugin's hooks hold for its own routes only, unless it says that it is none of its own: what `fastify-plugin` does.
Object.assign(hindsight, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: 'hindsight',
});

function first(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}
