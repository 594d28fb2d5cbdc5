import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { parseContext, withContext } from './context.ts';

/**
 * Express: reads from each request during which recorded visit it was made; events recorded while it is served carry it.
 * The sender's address is `req.ip`: behind a proxy, set `trust proxy`. Goes before the routes.
 */
export function hindsight(): RequestHandler {
  return (request: Request, _response: Response, next: NextFunction) => {
    const context = parseContext(request.get('traceparent'), request.get('baggage'));
    const userAgent = request.get('user-agent');
    if (request.ip !== undefined) context.ip = request.ip;
    if (userAgent !== undefined) context.userAgent = userAgent;
    withContext(context, () => {
      next();
    });
  };
}
