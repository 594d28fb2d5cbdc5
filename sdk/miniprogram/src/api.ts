/** What a mini-program sees: the default export of `@hindsight/miniprogram`. */
import type { ConsentState, PageInfo, User } from '../../src/api';
import type { Status } from './visit';

export type { ConsentState, PageInfo, Status, User };

export interface StartOptions {
  /** Where the server is: `https://hindsight.example/`. Must be among the mini-program's request domains. */
  server: string;
  /** The project's app key. */
  key: string;
  /** Name of the application. */
  source?: string;
  /** Version of the application. */
  release?: string;
  /** `required`: nothing is recorded or sent before `consent('granted')`. Default: not required. */
  consent?: 'required' | 'not_required';
}

export interface MiniProgram {
  /** Begins to record: at the top of `app.js`, before `App()`. After `stop` or `end` it begins again. */
  start(options?: StartOptions): void;
  /** Ends recording until the next start; what was recorded is still sent. */
  stop(): void;
  /** Who the visitor is. Another user than before begins a new session. */
  identify(user: User | string): void;
  /** Ties the visit to something of the business: `reference('order', 'O-17')`. */
  reference(type: string, id: string | number): void;
  /** Something that happened, with at most 8 kB of properties. */
  track(name: string, properties?: Record<string, unknown>): void;
  /** Names the page that is shown. */
  page(info?: PageInfo): void;
  /** The visit's business is done: the session ends here. */
  end(reason?: string): void;
  consent(state: ConsentState | boolean): void;
  /** The address with the visit in it, for a `<web-view>` whose page is recorded, too. */
  link(url: string): string;
  /** For uni-app outside WeChat, where pages don't register themselves: `app.mixin(hindsight.mixin())`. */
  mixin(): { onShow: () => void };
  /** What is recorded, and why not. */
  status(): Partial<Status> & { state: string; why: string };
  /** The running session's id, `undefined` while nothing is recorded. */
  readonly session_id: string | undefined;
}
