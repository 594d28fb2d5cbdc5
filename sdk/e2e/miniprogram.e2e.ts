/** The built package in a world with the globals of a mini-program and no others, against the edge. */
import { expect, it } from 'vitest';
import { Edge } from './edge';
import { MiniWorld } from './miniWorld';

for (const host of ['wx', 'uni'] as const) {
  it(`records as the built package, over ${host}`, async () => {
    const edge = await Edge.start();
    const mini = new MiniWorld(host);
    mini.hindsight.start({ server: edge.url, key: 'hs_app_1', source: 'shop-mini' });
    mini.open('pages/cart/cart', { id: '17' });
    mini.hindsight.reference('order', 'O-17');
    await mini.tap('pay');
    await mini.ask(`${edge.url}/away`);
    await edge.until('everything', () => edge.facts('reference').length + edge.facts('network').length === 2);
    expect(edge.events()[0]?.data).toMatchObject({
      tag: 'hindsight.start',
      payload: { source: 'shop-mini' },
    });
    if (host === 'wx') {
      expect(edge.facts('page').map(({ url }) => url)).toEqual(['/pages/cart/cart?id=*']);
      expect(edge.facts('click')[0]).toMatchObject({ selector: '#pay' });
    }
    const posts = edge.seen.filter(({ path }) => path.startsWith('/v1/recordings'));
    expect(posts.every(({ query }) => query.get('key') === 'hs_app_1')).toBe(true);
    expect(edge.seen.every(({ headers }) => headers.origin === undefined)).toBe(true);
    mini.close();
    await edge.stop();
  });
}

it('keeps the names that others read: of settings, events, status and what is stored', async () => {
  const edge = await Edge.start();
  edge.recording = { trace_origins: [edge.url], url_parameters: ['id'], except_pages: ['/pages/admin'] };
  const mini = new MiniWorld('wx');
  mini.hindsight.start({ server: edge.url, key: 'hs_app_1', source: 'shop-mini', release: '1.4.0' });
  mini.open('pages/cart/cart', { id: '17' });
  mini.hindsight.identify({ user_id: 'u-1', user_name: 'li' });
  mini.hindsight.reference('order', 'O-17');
  mini.hindsight.track('paid', { amount: 5 });
  await mini.tap('pay');
  await edge.until('facts', () => edge.facts('track').length === 1);
  await mini.ask(`${edge.url}/away`);
  await edge.until('a request', () => edge.facts('network').length === 1);
  const keys = (value: unknown): string =>
    Object.keys(value as object)
      .sort()
      .join(' ');
  const told = (name: string): string => keys(edge.facts(name)[0]);
  expect(new Set(edge.events().map(keys))).toEqual(new Set(['data timestamp type']));
  expect(told('start')).toBe(
    'consent device_id language platform referrer release scene screen sdk source timezone',
  );
  expect(edge.facts('page')).toEqual([{ title: '', url: '/pages/cart/cart?id=17' }]);
  expect(edge.facts('identify')).toEqual([{ user_id: 'u-1', user_name: 'li' }]);
  expect(edge.facts('reference')).toEqual([{ type: 'order', id: 'O-17' }]);
  expect(edge.facts('track')).toEqual([{ name: 'paid', properties: { amount: 5 } }]);
  expect(told('click')).toBe('selector text x y');
  expect(told('network')).toBe('duration_ms method status trace_id url');
  expect(edge.events().find(({ type }) => type === 3)?.data).toEqual({
    source: 2,
    type: 2,
    id: 0,
    x: 1,
    y: 2,
  });
  expect(keys(mini.hindsight.status())).toBe(
    'batches kept lastAnswer level lost session state storage tab waiting waitingBytes why',
  );
  const stored = [...mini.written].filter(([, value]) => typeof value === 'object');
  const packet = stored.find(([key]) => key.startsWith('hindsight.packet.'))?.[1];
  expect(keys(packet)).toBe('body encoding events fromMs keep seq session tab toMs');
  expect(keys(mini.written.get('hindsight.session'))).toBe('id lastAt startedAt userId worth');
  expect(keys(mini.written.get('hindsight.config'))).toBe('at body door offsetMs');
  expect(mini.written.has('hindsight.packets')).toBe(true);
  mini.close();
  await edge.stop();
});

it('does nothing, and breaks nothing, where there is no host', () => {
  const mini = new MiniWorld(undefined);
  mini.hindsight.start({ server: 'https://h.example/', key: 'k' });
  mini.hindsight.track('x');
  expect(mini.hindsight.session_id).toBeUndefined();
});
