/** Against `HINDSIGHT_URL` and `HINDSIGHT_TOKEN` where given, else against the fixture server over `CORPUS`. */
import type { AddressInfo } from 'node:net';
import { fixtureServer } from './fixture-server/server';

export default async function setup(): Promise<(() => void) | undefined> {
  if (process.env['HINDSIGHT_URL']) return undefined;
  const corpus = process.env['CORPUS'];
  if (!corpus) throw new Error('set HINDSIGHT_URL and HINDSIGHT_TOKEN, or CORPUS for the fixture server');
  const server = fixtureServer(new URL('../dist', import.meta.url).pathname, corpus, 'fixture');
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  process.env['HINDSIGHT_URL'] = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  process.env['HINDSIGHT_TOKEN'] = 'fixture';
  return () => {
    server.closeAllConnections();
    server.close();
  };
}
