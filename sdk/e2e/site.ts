/** A site to be recorded: pages that a test writes, served by path; and a browser that visits them. */
import {
  createServer,
  request as ask,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';

export interface SitePage {
  html: string;
  headers?: Record<string, string>;
}

export class Site {
  readonly pages = new Map<string, SitePage>();
  readonly asked: { path: string; headers: IncomingHttpHeaders }[] = [];
  private readonly server: Server;
  private proxied: Proxied | undefined;

  private constructor() {
    this.server = createServer((request, response) => {
      const { pathname } = new URL(request.url ?? '/', this.url);
      if (this.proxied && pathname.startsWith(this.proxied.path)) {
        forward(request, response, this.proxied);
        return;
      }
      this.asked.push({ path: request.url ?? '', headers: request.headers });
      const page = this.pages.get(pathname);
      response.writeHead(page ? 200 : 404, { 'content-type': 'text/html; charset=utf-8', ...page?.headers });
      response.end(page?.html ?? 'nothing here');
    });
  }

  static async start(): Promise<Site> {
    const site = new Site();
    await new Promise<void>((resolve) => site.server.listen(0, '127.0.0.1', resolve));
    return site;
  }

  get url(): string {
    return `http://127.0.0.1:${String((this.server.address() as AddressInfo).port)}`;
  }

  put(path: string, head: string, body: string, headers?: Record<string, string>): void {
    const html = `<!doctype html><html><head><title>Shop</title><link rel="icon" href="data:,">${head}</head><body>${body}</body></html>`;
    this.pages.set(path, { html, ...(headers && { headers }) });
  }

  /** Forwards what lies under a path to another server, as a site's own proxy would. */
  forward(path: string, to: string): void {
    this.proxied = { path, to };
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

interface Proxied {
  path: string;
  to: string;
}

function forward(from: IncomingMessage, back: ServerResponse, { path, to }: Proxied): void {
  const rest = (from.url ?? '/').slice(path.length);
  const there = ask(`${to}/${rest}`, { method: from.method, headers: from.headers }, (answer) => {
    back.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(back);
  });
  there.on('error', () => back.destroy());
  from.pipe(there);
}

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** `CHROMIUM` names another browser binary. */
export const browse = (args: string[] = [], ignoreDefaultArgs: string[] = []): Promise<Browser> =>
  chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: [...FLAGS, ...args],
    ignoreDefaultArgs,
  });

export interface Visitor {
  context: BrowserContext;
  page: Page;
  /** Errors in the page since it was opened: a recorder must cause none. */
  errors: string[];
}

/** A visitor with a profile of their own. */
export async function visitor(browser: Browser, options = {}): Promise<Visitor> {
  const context = await browser.newContext({ viewport: { width: 1000, height: 700 }, ...options });
  const errors: string[] = [];
  context.on('weberror', (error) => errors.push(error.error().message));
  const page = await context.newPage();
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  return { context, page, errors };
}
