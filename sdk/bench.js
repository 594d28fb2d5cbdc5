/**
 * usage: node bench.js [ROUNDS] : what recording costs a page of 10,000 rows, beside bare @rrweb/record and beside no
 * recorder, in the same run, in turns. Prints a table in Markdown.
 *
 * Main-thread time is Chromium's own count (`TaskDuration`); the picture's first pass is told apart from the rest.
 */
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';

const ROUNDS = Number(process.argv[2] ?? 3);
const ROWS = 10_000;
const SECONDS = 12;
const here = new URL('.', import.meta.url);
const file = (path) => readFileSync(new URL(path, here));
const release = file('dist/web/release.txt').toString();
const bare = file('node_modules/@rrweb/record/dist/record.umd.min.cjs');

const VARIANTS = {
  'no recorder': '',
  'bare @rrweb/record': `<script src="/rrweb.js"></script><script>addEventListener('DOMContentLoaded', () => {
    window.kept = []; rrwebRecord.record({ emit: (event) => kept.push(JSON.stringify(event)), maskAllInputs: true }) })</script>`,
  hindsight: '<script src="/sdk.js?id=k"></script>',
};

const rows = Array.from(
  { length: ROWS },
  (_, row) =>
    `<tr>${Array.from({ length: 6 }, (__, column) => `<td>cell ${row}.${column}</td>`).join('')}</tr>`,
).join('');
const page = (head) => `<!doctype html><head><link rel="icon" href="data:,">${head}<script>
  window.long = []; new PerformanceObserver((list) => { for (const e of list.getEntries()) long.push([e.startTime, e.duration]) }).observe({ type: 'longtask', buffered: true });
</script></head><body><input id="search"><button id="change">change</button><table>${rows}</table><script>
  document.querySelector('#change').onclick = () => { for (let i = 0; i < 50; i++) { const row = document.querySelector('table').rows[(i * 197) % ${ROWS}]; row.cells[2].textContent = 'new ' + performance.now(); row.className = 'hit'; } };
</script></body>`;

const config = { project: 'p', source: '', recording: {}, limits: {} };
let received = 0;
const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost');
  const script = /^\/sdk\/[^/]+\/(\w+\.js)$/.exec(pathname)?.[1];
  request.on('data', (chunk) => (received += chunk.length));
  request.on('end', () => {
    const type = pathname.endsWith('.js')
      ? 'text/javascript'
      : pathname === '/'
        ? 'text/html'
        : 'application/json';
    const kept = pathname.startsWith('/v1/recordings');
    response.writeHead(kept ? 202 : 200, { 'content-type': type, 'access-control-allow-origin': '*' });
    if (pathname === '/') response.end(page(VARIANTS[searchParams.get('variant')] ?? ''));
    else if (pathname === '/rrweb.js') response.end(bare);
    else if (pathname === '/sdk.js') response.end(file('dist/web/sdk.js'));
    else if (script) response.end(file(`dist/web/${script}`));
    else
      response.end(
        JSON.stringify(
          kept ? { accepted: 1, level: 'L4', now_ms: Date.now() } : { ...config, now_ms: Date.now() },
        ),
      );
  });
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const url = `http://127.0.0.1:${server.address().port}/`;
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
});

/** One visit: load, let the first picture be taken, then the same actions for everyone. */
async function visit(variant) {
  received = 0;
  const context = await browser.newContext({ viewport: { width: 1200, height: 800 } });
  const tab = await context.newPage();
  const cdp = await context.newCDPSession(tab);
  await cdp.send('Performance.enable');
  const metric = async (name) =>
    (await cdp.send('Performance.getMetrics')).metrics.find((each) => each.name === name)?.value ?? 0;
  await tab.goto(`${url}?variant=${encodeURIComponent(variant)}`, { waitUntil: 'load' });
  await tab.waitForTimeout(4_000);
  const loadBusy = await metric('TaskDuration');
  const [from, busyFrom] = [await tab.evaluate('performance.now()'), loadBusy];
  const until = Date.now() + SECONDS * 1_000;
  for (let step = 0; Date.now() < until; step++) {
    await tab.mouse.move(100 + ((step * 37) % 900), 60 + ((step * 23) % 600));
    if (step % 5 === 0) await tab.mouse.wheel(0, 400);
    if (step % 10 === 0) await tab.evaluate(`document.querySelector('#change').click()`);
    if (step % 7 === 0)
      await tab.evaluate(
        `(() => { const i = document.querySelector('#search'); i.value += 'x'; i.dispatchEvent(new Event('input', { bubbles: true })); })()`,
      );
    await tab.waitForTimeout(50);
  }
  const elapsed = (await tab.evaluate('performance.now()')) - from;
  const busy = ((await metric('TaskDuration')) - busyFrom) * 1_000;
  const long = await tab.evaluate('window.long');
  const later = long.filter(([start]) => start > from);
  await context.close();
  return {
    first: Math.max(0, ...long.filter(([start]) => start <= from).map(([, duration]) => duration)),
    share: (busy / elapsed) * 100,
    long: later.length,
    longest: Math.max(0, ...later.map(([, duration]) => duration)),
    kB: received / 1_000,
  };
}

const results = Object.fromEntries(Object.keys(VARIANTS).map((name) => [name, []]));
for (let round = 0; round < ROUNDS; round++) {
  for (const variant of Object.keys(VARIANTS)) results[variant].push(await visit(variant));
}
await browser.close();
server.close();

const median = (name, field) => {
  const values = results[name].map((each) => each[field]).sort((a, b) => a - b);
  return values[Math.floor(values.length / 2)];
};
console.log(
  `recorder ${release}, ${ROWS} rows of 6 cells, ${ROUNDS} rounds in turns, ${SECONDS} s each, medians\n`,
);
console.log(
  '| | main thread busy | added | long tasks after the first picture | longest of them | longest task until then | sent |',
);
console.log('|---|---:|---:|---:|---:|---:|---:|');
for (const name of Object.keys(VARIANTS)) {
  const share = median(name, 'share');
  const added = share - median('no recorder', 'share');
  console.log(
    `| ${name} | ${share.toFixed(2)} % | ${added.toFixed(2)} % | ${median(name, 'long')} | ${median(name, 'longest').toFixed(0)} ms | ${median(name, 'first').toFixed(0)} ms | ${median(name, 'kB').toFixed(0)} kB |`,
  );
}
