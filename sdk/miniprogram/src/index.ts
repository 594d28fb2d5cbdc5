/**
 * `import hindsight from '@hindsight/miniprogram'; hindsight.start({ server, key })`, at the top of `app.js`.
 *
 * The framework's functions are no members of an object that a script can reach, so they are replaced by their names.
 */
import type { MiniProgram } from './api';
import type { Host, Register, World } from './host';
import { Recorder } from './recorder';

export type { ConsentState, MiniProgram, PageInfo, StartOptions, Status, User } from './api';

declare const wx: Host | undefined;
declare const uni: Host | undefined;
declare let App: Register | undefined;
declare let Page: Register | undefined;
declare let Component: Register | undefined;
declare const getCurrentPages: World['pages'] | undefined;

const inWeChat = typeof wx !== 'undefined' && typeof wx.request === 'function';

/** Where there is no host, every call is taken and nothing happens. */
const nowhere: Host = {
  request: () => undefined,
  getStorageSync: () => undefined,
  setStorageSync: () => undefined,
  removeStorageSync: () => undefined,
};

const world: World = {
  host: inWeChat ? wx : typeof uni !== 'undefined' ? uni : nowhere,
  answersPromises: !inWeChat,
  get App() {
    return typeof App === 'undefined' ? undefined : App;
  },
  set App(register) {
    App = register;
  },
  get Page() {
    return typeof Page === 'undefined' ? undefined : Page;
  },
  set Page(register) {
    if (typeof Page !== 'undefined') Page = register;
  },
  get Component() {
    return typeof Component === 'undefined' ? undefined : Component;
  },
  set Component(register) {
    if (typeof Component !== 'undefined') Component = register;
  },
  pages: () => (typeof getCurrentPages === 'undefined' ? [] : getCurrentPages()),
};

const hindsight: MiniProgram = new Recorder(world);
export default hindsight;
