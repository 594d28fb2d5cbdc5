/**
 * Names of members that only this code reads, which the mini-program's build shortens beside the private ones.
 *
 * A list and no rule: what isn't on it keeps its name, so whatever is sent, stored, handed over by the host, or read by
 * an app does. A name that is also declared in one of those stops the build.
 */
import { readFileSync } from 'node:fs';
import ts from 'typescript';

const INTERNAL = `
  active address adopt afterMs anew around arrive ask attempt attempts batcher because before begin
  broke bytes chance changed clear clock close closed config count cut delivery drop dropped due dueAt
  entries everyMs exceptPages fact failing flush flushEveryMs forget gap handed heard hold href hurry
  idleMs isAllowed keyframe lastBytes later leave leftovers levels lines listen longestMs
  makeDelivery makeOutbox memory minimumMs most nowMs off onHold onlyErrors open outbox pending prepare
  pump queue quit read recordBytes refusals refusedSessions retryAfter said save say seen send sending
  serverNow sessionIdleMs sessionLongestMs settle shelf shown store sweep tapped tell timer traceOrigins
  typed typedAt unwait urgent urgentMs urlParameters visit wait watch watches wayMs whole world
  worthTimer write
`
  .trim()
  .split(/\s+/);

/** Interfaces whose members others read or write by name: apps, the host, and later versions in the storage. */
const OUTWARD = {
  'src/api.ts': ['StartOptions', 'PageInfo', 'User'],
  'src/session/session.ts': ['Session'],
  'src/transport/delivery.ts': ['DeliveryStatus'],
  'src/transport/outbox.ts': ['Packet'],
  'miniprogram/src/api.ts': ['StartOptions', 'MiniProgram'],
  'miniprogram/src/host.ts': ['Answered', 'RequestOptions', 'SystemInfo', 'Host', 'World'],
  'miniprogram/src/recorder.ts': ['Remembered'],
  'miniprogram/src/storage.ts': ['Entry'],
  'miniprogram/src/visit.ts': ['Status', 'RecorderEvent'],
  'miniprogram/src/wrap.ts': ['UiEvent'],
};

/** All names that these interfaces mention, also in types within them. */
function namesIn(path, interfaces) {
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest);
  const declared = source.statements.filter(
    (each) => ts.isInterfaceDeclaration(each) && interfaces.includes(each.name.text),
  );
  if (declared.length !== interfaces.length) throw new Error(`${path}: not all of ${interfaces.join(', ')}`);
  const found = [];
  const look = (node) => {
    if (ts.isPropertySignature(node) || ts.isMethodSignature(node)) found.push(node.name.text);
    ts.forEachChild(node, look);
  };
  declared.forEach(look);
  return found;
}

/** Settings are read by quoted names, whatever has several words is sent as `snake_case`. */
const SETTINGS = [
  ...readFileSync(new URL('src/config.ts', import.meta.url), 'utf8').matchAll(/\['(\w+)'\]/g),
].map(([, name]) => name);

/** The list, once it is known to hold no name of others. */
export function internalNames(here) {
  const declared = Object.entries(OUTWARD).flatMap(([path, names]) => namesIn(`${here}${path}`, names));
  const outward = new Set([...declared, ...SETTINGS]);
  const wrong = INTERNAL.filter((name) => outward.has(name) || name.includes('_'));
  if (wrong.length) throw new Error(`shortNames.js: others know ${wrong.join(', ')} by name`);
  return INTERNAL;
}
