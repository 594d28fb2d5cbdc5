/**
 * A forward proxy that keeps whatever passes from the browser: heads and bodies, byte for byte. For plain HTTP, which is
 * what a server on this machine speaks; what would be tunnelled is refused, so nothing passes unseen.
 */
import {
  createServer,
  request as ask,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';

export interface Passed {
  head: string;
  body: Buffer;
}

export class Proxy {
  readonly passed: Passed[] = [];
  private readonly server: Server;

  private constructor() {
    this.server = createServer((request, response) => void this.pass(request, response));
    this.server.on('connect', (request, socket) => {
      this.passed.push({ head: `CONNECT ${request.url ?? ''}`, body: Buffer.alloc(0) });
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    });
  }

  static async start(): Promise<Proxy> {
    const proxy = new Proxy();
    await new Promise<void>((resolve) => proxy.server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${String((this.server.address() as AddressInfo).port)}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** All that left the browser, heads and bodies, unpacked where they were packed. */
  said(): Buffer[] {
    return this.passed.flatMap(({ head, body }) => [Buffer.from(head), body, unpacked(body)]);
  }

  private async pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const body = Buffer.concat(pieces);
    const { url = '', method = 'GET', rawHeaders } = request;
    this.passed.push({ head: [method, url, ...rawHeaders].join('\n'), body });
    const headers = { ...request.headers };
    delete headers['proxy-connection'];
    const onward = ask(url, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    onward.end(body);
  }
}

function unpacked(body: Buffer): Buffer {
  return body[0] === 0x1f && body[1] === 0x8b ? gunzipSync(body) : Buffer.alloc(0);
}
