/**
 * Leaves out of @rrweb/record what this recorder never turns on: canvas, inlined images, fonts, foreign frames: a fifth of it.
 *
 * The package comes as one file, so its classes can't be left out by imports. A pattern that isn't found stops the
 * build: a new version of rrweb is looked at, not guessed.
 */
const CUTS = [
  [
    'canvas',
    /class CanvasManager \{[\s\S]*?\n\}\n/,
    'class CanvasManager { reset() {} freeze() {} unfreeze() {} lock() {} unlock() {} }\n',
  ],
  ['canvas worker', /const blob = typeof self[\s\S]*?;\n/, ''],
  ['messages of foreign frames', /  handleMessage\(message\) \{[\s\S]*?\n  \}\n/, '  handleMessage() {}\n'],
  ['events of foreign frames', /  transformCrossOriginEvent\([\s\S]*?\n  \}\n  replace\(/, '  replace('],
  [
    'pixels of canvases and images',
    /  if \(tagName === "canvas" && recordCanvas\) \{[\s\S]*?(?=  if \(\["audio", "video"\])/,
    '',
  ],
  [
    'ids of foreign frames',
    /class CrossOriginIframeMirror \{[\s\S]*?\n\}\n/,
    'class CrossOriginIframeMirror { reset() {} }\n',
  ],
  ['hooks of plugins', /(function mergeHooks\(o, hooks\) \{)[\s\S]*?\n\}\n/, '$1}\n'],
  ['nodes of virtual documents', /class BaseRRNode \{[\s\S]*?\n\}\n/, 'class BaseRRNode {}\n'],
  ['fonts', /(function initFontObserver\(\{ fontCb, doc \}\) \{)[\s\S]*?\n\}\n/, '$1 return () => {}; }\n'],
];

/** A rolldown transform. */
export function withoutUnused(code, id) {
  if (!id.endsWith('@rrweb/record/dist/record.js')) return null;
  let slim = code;
  for (const [what, pattern, instead] of CUTS) {
    const cut = slim.replace(pattern, instead);
    if (cut === slim) throw new Error(`@rrweb/record has changed: no ${what} found in it`);
    slim = cut;
  }
  return { code: slim, map: null };
}
