/**
 * What the recorder needs of its host: `wx` of WeChat, or `uni` of uni-app where there is no `wx`. The calls are the
 * same in both; what a host may lack is optional.
 */

export interface Answered {
  statusCode: number;
  data?: unknown;
  header?: Record<string, string>;
}

export interface RequestOptions {
  url: string;
  method?: string;
  header?: Record<string, string>;
  data?: unknown;
  timeout?: number;
  success?: (answer: Answered) => void;
  fail?: (error: unknown) => void;
  complete?: (answer: Partial<Answered>) => void;
}

export interface SystemInfo {
  screenWidth?: number;
  screenHeight?: number;
  language?: string;
  platform?: string;
  SDKVersion?: string;
}

export interface Host {
  request: (options: RequestOptions) => unknown;
  getStorageSync: (key: string) => unknown;
  setStorageSync: (key: string, value: unknown) => void;
  removeStorageSync: (key: string) => void;
  getSystemInfoSync?: () => SystemInfo;
  getLaunchOptionsSync?: () => { scene?: number; referrerInfo?: { appId?: string } };
  onError?: (heard: (error: unknown) => void) => void;
  onUnhandledRejection?: (heard: (event: { reason?: unknown }) => void) => void;
  onAppShow?: (heard: () => void) => void;
  onAppHide?: (heard: () => void) => void;
  onNetworkStatusChange?: (heard: (status: { isConnected?: boolean }) => void) => void;
}

export type Options = Record<string, unknown>;
/** `App`, `Page` and `Component`. */
export type Register = (options: Options) => unknown;

/** The host and the global functions of its framework, which can be replaced; uni-app outside WeChat has none. */
export interface World {
  host: Host;
  /** `uni.request` answers a promise where it is given no callback. */
  answersPromises: boolean;
  App: Register | undefined;
  Page: Register | undefined;
  Component: Register | undefined;
  /** The pages that are open, the shown one last. */
  pages: () => { route?: string; options?: Record<string, string> }[];
}

/** An error of ours is never the mini-program's. */
export function safely(run: () => void): void {
  try {
    run();
  } catch {
    // A fact less is better than a broken page.
  }
}
