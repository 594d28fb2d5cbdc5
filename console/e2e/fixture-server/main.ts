/** `CORPUS=<folder> npm run fixture`: the built console on port 5180, token `fixture`. */
import { fixtureServer } from './server';

const corpus = process.env['CORPUS'];
if (!corpus) throw new Error('CORPUS must name a folder of .jsonl.zst recordings');
const port = Number(process.env['PORT'] ?? 5180);
fixtureServer(new URL('../../dist', import.meta.url).pathname, corpus, 'fixture').listen(
  port,
  '127.0.0.1',
  () => {
    process.stdout.write(`http://127.0.0.1:${String(port)} token: fixture\n`);
  },
);
