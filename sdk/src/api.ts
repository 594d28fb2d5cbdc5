/** What a page sees: `window.hindsight`, and the default export of the package (API.md 'Browser API'). */

export interface StartOptions {
  /** Where the server is, with a trailing path where it is behind one: `https://shop.example/h/`. */
  server?: string;
  /** The project's browser key. */
  key?: string;
  /** Name of the application. */
  source?: string;
  /** Version of the application. */
  release?: string;
  /** `required`: nothing is recorded or sent before `consent('granted')`. Default: not required. */
  consent?: 'required' | 'not_required';
}

export type ConsentState = 'granted' | 'denied';

export interface User {
  user_id: string;
  user_name?: string;
}

export interface PageInfo {
  url?: string;
  title?: string;
  version?: string;
  kind?: string;
}

export interface Hindsight {
  /** Begins to record; by the script tag it has begun already. After `stop` or `end` it begins again. */
  start(options?: StartOptions): void;
  /** Ends recording in this document; what was recorded is still sent. */
  stop(): void;
  /** Who the visitor is. Another user than before begins a new session. */
  identify(user: User | string): void;
  /** Ties the visit to something of the business: `reference('order', 'O-17')`. */
  reference(type: string, id: string | number): void;
  /** Something that happened, with at most 8 kB of properties. */
  track(name: string, properties?: Record<string, unknown>): void;
  /** A page of an app that doesn't change its address, or names its pages itself. */
  page(info?: PageInfo): void;
  /** The visitor agreed to a text: its SHA-256 is recorded, not the text. */
  confirm(item: string, text: string): void;
  /** The visit's business is done: the session ends here. */
  end(reason?: string): void;
  consent(state: ConsentState | boolean): void;
  /** The address with the visit in it, for another origin that is recorded, too. */
  link(url: string): string;
  /** The running session's id, `undefined` while nothing is recorded. */
  readonly session_id: string | undefined;
}
