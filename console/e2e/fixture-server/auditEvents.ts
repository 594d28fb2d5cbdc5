/** Audit events made around the first two recordings: an order's life, with before and after. */
import type { AuditEvent } from '../../src/api/types';
import type { Recorded } from './recordings';

const STEPS = [
  { action: 'order.create', operation: 'create', was: null, now: { status: 'created', amount: 129.9 } },
  {
    action: 'order.pay',
    operation: 'update',
    was: { status: 'created', amount: 129.9 },
    now: { status: 'paid', amount: 129.9 },
  },
  {
    action: 'order.refund',
    operation: 'update',
    was: { status: 'paid', amount: 129.9 },
    now: { status: 'partly_refunded', amount: 80, refunds: [{ line: 2, amount: 49.9 }] },
  },
  {
    action: 'policy.update',
    operation: 'update',
    was: { discount: 5, limits: { day: 10 } },
    now: { discount: 7, limits: { day: 10 } },
  },
  { action: 'session.login', operation: 'login', was: null, now: null },
];

export function auditEvents(recorded: Recorded[]): AuditEvent[] {
  const made = recorded.slice(0, 2).flatMap(({ facts, manifest }, session) =>
    STEPS.map((step, at): AuditEvent => {
      const offset_ms = 12_345 + at * 21_000;
      const failed = step.action === 'session.login';
      return {
        id: `01935000-00${String(session)}${String(at)}-7000-9000-000000000000`,
        source_id: `20261122-${String(session * 10 + at).padStart(6, '0')}`,
        occurred_at: new Date(manifest.started_at_ms + offset_ms).toISOString(),
        received_at: new Date(manifest.started_at_ms + offset_ms + 40).toISOString(),
        action: step.action,
        operation: step.operation,
        actor: { type: 'user', id: facts.user_id ?? 'u-0', name: facts.user_name ?? null, roles: ['agent'] },
        targets: [{ type: step.action.split('.')[0] ?? 'order', id: 'O-1001' }],
        outcome: failed ? 'failure' : 'success',
        error: failed ? 'wrong password' : null,
        request: { path: `/api/${step.action}` },
        before: step.was,
        after: step.now,
        patch: [],
        measures: { amount: 129.9 },
        origin: { ip: '203.0.113.9', user_agent: 'Mozilla/5.0', device: 'desktop' },
        session_id: facts.session_id,
        references: failed ? [] : [{ type: 'order', id: 'O-1001' }],
        class: 'audit',
        moment: failed
          ? null
          : {
              session_id: facts.session_id,
              tab: manifest.tabs[0]?.tab ?? null,
              offset_ms,
              match: at % 2 ? 'clock' : 'trace',
            },
      };
    }),
  );
  return made.sort((one, other) => other.occurred_at.localeCompare(one.occurred_at));
}
