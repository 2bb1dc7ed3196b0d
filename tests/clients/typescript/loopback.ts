// The client's own ear on the loopback interface (RFC 8252 §7.3): a free port, one answer, then silence.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from './report.js';

export interface Loopback {
  port: number;
  /** Parameters of the first request that reached /callback. */
  answer: Promise<URLSearchParams>;
  close(): void;
}

export async function listenOnLoopback(): Promise<Loopback> {
  let deliver: (parameters: URLSearchParams) => void = () => {};
  const answer = new Promise<URLSearchParams>((resolve) => {
    deliver = resolve;
  });
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    if (url.pathname !== '/callback') {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'referrer-policy': 'no-referrer' });
    response.end(
      '<!doctype html><html lang="en"><title>Done</title><p>You can close this window.</p></html>',
    );
    deliver(url.searchParams);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    answer,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** RFC 9207 and RFC 6749 §10.12: an answer counts only when it names our server and our request. */
export function expectOurAnswer(parameters: URLSearchParams, issuer: string, state: string): void {
  expect(parameters.get('iss') === issuer, `iss is ${parameters.get('iss')}, expected ${issuer}`);
  expect(parameters.get('state') === state, 'state does not match the request');
  for (const name of ['code', 'error', 'state', 'iss']) {
    expect(parameters.getAll(name).length <= 1, `${name} is repeated in the answer`);
  }
}
