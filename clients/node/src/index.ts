/** Audit events to Hindsight: see `docs/auditing.md`. */
export { HindsightClient, Operation, OperationRefused, type Stats } from './client.ts';
export { currentContext, parseContext, type RequestContext, withContext } from './context.ts';
export type { AuditEvent } from './event.ts';
export type { Log, Options } from './options.ts';
