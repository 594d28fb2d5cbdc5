/**
 * Builds `dist/`: what the server embeds (`web/`), and the npm package (`npm/`).
 *
 * The recorder's address holds a hash of its content, so it can be cached for ever; the loader carries that address
 * and the integrity hash. Sizes are guarded here: a build over a limit fails.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { minify } from 'terser';
import obfuscator from 'javascript-obfuscator';
import { withoutUnused } from './rrwebDiet.js';
import { internalNames } from './shortNames.js';

const LOADER_BYTES = 2_000;
const RECORDER_BYTES = 32_000;
const OBFUSCATED_BYTES = 64_000;
const MINIPROGRAM_BYTES = 8_720;

const here = new URL('.', import.meta.url).pathname;
const dist = `${here}dist`;
const json = (path) => JSON.parse(readFileSync(path, 'utf8'));
const { version } = json(`${here}package.json`);
const rrweb = json(`${here}node_modules/@rrweb/record/package.json`).version;
const versions = { __SDK_VERSION__: version, __RRWEB_VERSION__: rrweb };

/** One entry as readable code; words in capitals are replaced by texts. */
async function bundle(entry, { format = 'iife', words = versions, external = [] } = {}) {
  const define = Object.fromEntries(
    Object.entries(words).map(([word, text]) => [word, JSON.stringify(text)]),
  );
  const build = await rolldown({
    input: `${here}${entry.includes('/') ? '' : 'src/'}${entry}`,
    external,
    transform: { define, target: 'es2020' },
    treeshake: { moduleSideEffects: false },
    plugins: [{ name: 'rrweb-diet', transform: withoutUnused }],
  });
  const { output } = await build.generate({ format, codeSplitting: format !== 'iife' });
  await build.close();
  return output;
}

/**
 * Private members of our classes get short names; rrweb's, the browser's, and those that are also on the wire or in a
 * store (named in a type or an object) keep theirs.
 */
function ownNames() {
  const sources = ['src', 'miniprogram/src'].flatMap((folder) =>
    readdirSync(`${here}${folder}`, { recursive: true })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => `${here}${folder}/${name}`),
  );
  const text = sources.map((path) => readFileSync(path, 'utf8')).join('\n');
  const names = [...text.matchAll(/private (?:readonly )?(?:async )?(\w+)/g)].map(([, name]) => name);
  const theirs = readFileSync(`${here}node_modules/@rrweb/record/dist/record.js`, 'utf8');
  const plainly = text.replace(/^.*\bprivate\b.*$/gm, '');
  const isOurs = (name) => {
    const inTypes = new RegExp(`(^|[\\s{,(])${name}\\??[:,}]`, 'm').test(plainly);
    return name.length > 3 && !inTypes && !new RegExp(`\\b${name}\\b`).test(theirs);
  };
  return names.filter(isOurs);
}

async function small(code, names = ownNames()) {
  const ecma = 2020;
  const compress = { ecma, passes: 3, unsafe_arrows: true, unsafe_methods: true };
  const mangle = { properties: { regex: new RegExp(`^(${names.join('|')})$`) } };
  return (await minify(code, { ecma, compress, mangle, toplevel: true, format: { comments: false } })).code;
}

/**
 * For pages that don't want their visitors to read it: names and texts are hidden, nothing is evaluated from text, so it
 * works under a strict policy. The seed makes the same bytes of the same code.
 */
const obfuscated = (code) =>
  obfuscator
    .obfuscate(code, {
      compact: true,
      seed: 1,
      target: 'browser-no-eval',
      identifierNamesGenerator: 'mangled',
      stringArray: true,
      stringArrayThreshold: 1,
      stringArrayEncoding: [],
      stringArrayRotate: true,
      stringArrayShuffle: true,
    })
    .getObfuscatedCode();

const integrity = (code) => `sha384-${createHash('sha384').update(code).digest('base64')}`;

function guard(name, code, most) {
  const bytes = gzipSync(code, { level: 9 }).length;
  console.log(`${name}: ${bytes} bytes gzipped (at most ${most})`);
  if (bytes > most) throw new Error(`${name} is over its limit: see what came in`);
}

rmSync(dist, { recursive: true, force: true });
mkdirSync(`${dist}/web`, { recursive: true });
mkdirSync(`${dist}/npm`, { recursive: true });

const [flate, overlay] = await Promise.all(
  ['flatePart.ts', 'overlayPart.ts'].map(async (entry) => small((await bundle(entry))[0].code)),
);
const words = {
  ...versions,
  __FLATE_INTEGRITY__: integrity(flate),
  __OVERLAY_INTEGRITY__: integrity(overlay),
};
const plain = (await bundle('tag.ts', { words }))[0].code;
const recorder = await small(plain);
const hidden = obfuscated(recorder);
const content = createHash('sha256').update(recorder).update(plain).update(hidden);
const release = `${version}-${content.digest('hex').slice(0, 10)}`;
const pointed = await bundle('loader.ts', {
  words: {
    __RECORDER_PATH__: `sdk/${release}/recorder.js`,
    __RECORDER_INTEGRITY__: integrity(recorder),
    __PLAIN_PATH__: `sdk/${release}/recorder.plain.js`,
    __PLAIN_INTEGRITY__: integrity(plain),
    __OBFUSCATED_PATH__: `sdk/${release}/recorder.obfuscated.js`,
    __OBFUSCATED_INTEGRITY__: integrity(hidden),
  },
});
const loader = await small(pointed[0].code);
guard('loader', loader, LOADER_BYTES);
guard('recorder', recorder, RECORDER_BYTES);
guard('obfuscated recorder', hidden, OBFUSCATED_BYTES);

const files = { 'sdk.js': loader, 'recorder.js': recorder, 'recorder.plain.js': plain };
Object.assign(files, {
  'recorder.obfuscated.js': hidden,
  'flate.js': flate,
  'overlay.js': overlay,
  'release.txt': release,
});
for (const [name, content] of Object.entries(files)) writeFileSync(`${dist}/web/${name}`, content);

const external = [/^@rrweb\//, 'fflate'];
for (const chunk of await bundle('index.ts', { format: 'es', external })) {
  writeFileSync(`${dist}/npm/${chunk.fileName}`, chunk.code);
}
execFileSync('node_modules/.bin/tsc', ['-p', 'tsconfig.types.json'], { cwd: here, stdio: 'inherit' });

// Mini-programs take packages as CommonJS, bundlers of uni-app as modules; both turn them into what old phones know.
const mini = { words: versions };
const packageOf = { ...json(`${here}miniprogram/package.json`), version };
mkdirSync(`${dist}/miniprogram`);
for (const [format, name] of [
  ['cjs', 'index.js'],
  ['es', 'index.mjs'],
]) {
  const [chunk] = await bundle('miniprogram/src/index.ts', { ...mini, format });
  const code = await small(chunk.code, [...ownNames(), ...internalNames(here)]);
  guard(`mini-program, ${format}`, code, MINIPROGRAM_BYTES);
  writeFileSync(`${dist}/miniprogram/${name}`, code);
}
writeFileSync(`${dist}/miniprogram/package.json`, `${JSON.stringify(packageOf, null, 2)}\n`);
execFileSync('node_modules/.bin/tsc', ['-p', 'miniprogram/tsconfig.types.json'], {
  cwd: here,
  stdio: 'inherit',
});
