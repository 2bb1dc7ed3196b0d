// Inspector itself: its server on free ports of loopback, with a home of its own and nothing kept.

import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Settings } from '../typescript/settings.js';

export interface Inspector {
  /** The page, with the key that lets a browser use it. */
  url: string;
  stop(): void;
}

export async function startInspector(settings: Settings): Promise<Inspector> {
  const resolve = createRequire(import.meta.url).resolve;
  const folder = dirname(resolve('@modelcontextprotocol/inspector/package.json'));
  const home = mkdtempSync(join(tmpdir(), 'inspector-'));
  const [page, sandbox, apps] = [await freePort(), await freePort(), await freePort()];
  const program = spawn(
    'node_modules/.bin/node',
    [
      join(folder, 'clients/launcher/build/index.js'),
      ...['--web', '--transport', 'http', '--server-url', settings.resourceUrl],
    ],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        PATH: process.env['PATH'],
        HOME: home,
        MCP_AUTO_OPEN_ENABLED: 'false',
        MCP_INSPECTOR_SECRET_STORE: 'memory',
        CLIENT_PORT: String(page),
        MCP_SANDBOX_PORT: String(sandbox),
        MCP_APP_ORIGIN_PORT: String(apps),
      },
    },
  );
  const stop = (): void => {
    program.kill();
    rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  };
  // A journey that runs out of time leaves by process.exit, past every `finally`.
  process.once('exit', stop);
  const url = await new Promise<string>((found, failed) => {
    let text = '';
    program.once('error', failed);
    program.once('exit', (status) => failed(new Error(`Inspector ended with ${status}: ${text}`)));
    program.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const [address] = /http:\/\/\S+MCP_INSPECTOR_API_TOKEN=\w+/.exec(text) ?? [];
      if (address !== undefined) found(address);
    });
  });
  return { url, stop };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}
