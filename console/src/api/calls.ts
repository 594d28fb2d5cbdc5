/** The calls of the console, one function each: what is asked and what comes back, nothing else. */
import { address, json, send, type Query } from './client';
import type {
  AuditEvent,
  AuditPage,
  CaseFile,
  KeyList,
  Manifest,
  Marker,
  Me,
  Page,
  SessionFacts,
  SqlAnswer,
} from './types';

const part = encodeURIComponent;

export const me = (): Promise<Me> => json('/v1/me', { keepPage: true });

export async function login(token: string): Promise<void> {
  await send('/v1/login', { method: 'POST', body: JSON.stringify({ token }), keepPage: true });
}

export async function logout(): Promise<void> {
  await send('/v1/logout', { method: 'POST', keepPage: true });
}

export const sessions = (query: Query, signal?: AbortSignal): Promise<Page<SessionFacts>> =>
  json(address('/v1/sessions', query), signal ? { signal } : {});

export const session = (id: string): Promise<SessionFacts> => json(`/v1/sessions/${part(id)}`);

export const manifest = (session: string): Promise<Manifest> => json(`/v1/replays/${part(session)}`);

export async function markers(session: string): Promise<Marker[]> {
  const page = await json<Page<Marker>>(`/v1/replays/${part(session)}/markers`);
  return page.items;
}

export const replayEvents = (session: string, query: Query, signal: AbortSignal): Promise<Response> =>
  send(address(`/v1/replays/${part(session)}/events`, query), { accept: 'application/jsonl', signal });

export const auditList = (query: Query, signal?: AbortSignal): Promise<AuditPage> =>
  json(address('/v1/audit', query), signal ? { signal } : {});

export const auditEvent = (id: string): Promise<AuditEvent> => json(`/v1/audit/${part(id)}`);

export const caseFile = (type: string, id: string): Promise<CaseFile> =>
  json(`/v1/references/${part(type)}/${part(id)}`);

export const keys = (): Promise<KeyList> => json('/v1/keys');

export const sql = (statement: string, signal: AbortSignal): Promise<SqlAnswer> =>
  json('/v1/sql', { method: 'POST', body: statement, type: 'text/plain', signal });
