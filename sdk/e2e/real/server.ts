/** A real server, as tests of this folder read it: `HINDSIGHT_URL`, `HINDSIGHT_TOKEN` (tools/e2e starts one). */
import type { Browser } from 'playwright-core';
import { visitor } from '../site';

export const setting = (name: string): string => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
};
export const server = setting('HINDSIGHT_URL');
export const token = setting('HINDSIGHT_TOKEN');

export interface Session {
  session_id: string;
  user_id: string;
  references: { type: string; id: string }[];
  clicks: number;
  events: number;
  source: string;
}

const ask = (path: string): Promise<Response> =>
  fetch(`${server}${path}`, { headers: { authorization: `Bearer ${token}` } });

/** The session that a call names, or the first of the list that it gives, once it is as far as is asked. */
export async function sessionBy(path: string, far: (session: Session) => boolean): Promise<Session> {
  const until = Date.now() + 30_000;
  while (Date.now() < until) {
    const response = await ask(path);
    if (response.ok) {
      const found = (await response.json()) as Session | { items: Session[] };
      const session = 'items' in found ? found.items[0] : found;
      if (session && far(session)) return session;
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`not there after 30 s: ${path}`);
}

/** The events of a session with one tab, as it is served. */
export async function eventsOf(session: string): Promise<{ type: number; timestamp: number }[]> {
  const response = await ask(`/v1/replays/${session}/events`);
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: number; timestamp: number });
}

/** The console's player shows the texts at the session's end. */
export async function plays(browser: Browser, session: string, texts: string[]): Promise<void> {
  const { page, context } = await visitor(browser, { baseURL: server });
  await page.request.post('/v1/login', { data: { token } });
  await page.goto(`${server}/replays/${session}?at=600000`);
  const frame = page.frameLocator('.replayer-wrapper iframe');
  for (const text of texts) await frame.getByText(text).waitFor({ state: 'attached', timeout: 20_000 });
  await context.close();
}
