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

it('does nothing, and breaks nothing, where there is no host', () => {
  const mini = new MiniWorld(undefined);
  mini.hindsight.start({ server: 'https://h.example/', key: 'k' });
  mini.hindsight.track('x');
  expect(mini.hindsight.session_id).toBeUndefined();
});
