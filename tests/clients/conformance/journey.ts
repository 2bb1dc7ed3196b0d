// The MCP conformance runner, for which we are the authorization server under test: it looks at the metadata
// and goes through the code flow, while the person's half is done in the browser.

import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { visitAuthorizePage } from '../browser/visit.js';
import { expect, journey, step } from '../typescript/report.js';
import { type Settings, settingsFrom } from '../typescript/settings.js';

const CLIENT_NAME = 'Conformance runner';
/** Every check it makes of an authorization server, and what has to come of it. */
const EXPECTED: Record<string, string> = {
  'authorization-server-metadata': 'SUCCESS',
  // URLs as client_id are not built yet, and the metadata says so.
  'authorization-server-metadata-cimd': 'WARNING',
  'authorization-code-grant': 'SUCCESS',
};

interface Check {
  id: string;
  status: string;
  errorMessage?: string;
}

async function story(settings: Settings): Promise<void> {
  const port = await freePort();
  const clientId = await step('register', settings.stepTimeoutMs, () => register(settings, port));
  const folder = await mkdtemp(join(tmpdir(), 'conformance-'));
  try {
    await step('run', settings.stepTimeoutMs * 2, (facts) => run(settings, { port, clientId, folder, facts }));
    await step('results', settings.stepTimeoutMs, async (facts) => {
      const checks = await results(folder);
      for (const { id, status } of checks) facts[id] = status;
      for (const { id, status, errorMessage } of checks) {
        expect(EXPECTED[id] !== undefined, `a check nobody expects: ${id} ${status}`);
        expect(EXPECTED[id] === status, `${id}: ${status}, expected ${EXPECTED[id]}: ${errorMessage}`);
      }
      const missing = Object.keys(EXPECTED).filter((id) => !checks.some((check) => check.id === id));
      expect(missing.length === 0, `not checked: ${missing.join(', ')}`);
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function register(settings: Settings, port: number): Promise<string> {
  const response = await fetch(new URL('/oauth/register', settings.issuer), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      client_name: CLIENT_NAME,
      redirect_uris: [`http://127.0.0.1:${port}/callback`],
      token_endpoint_auth_method: 'none',
    }),
  });
  const body = (await response.json()) as Record<string, unknown>;
  expect(response.status === 201, `registration answered ${response.status}`);
  return String(body['client_id']);
}

interface Run {
  port: number;
  clientId: string;
  folder: string;
  facts: Record<string, unknown>;
}

/** Runs every scenario there is for authorization servers, on the pinned Node.js. */
async function run(settings: Settings, { port, clientId, folder, facts }: Run): Promise<void> {
  const main = createRequire(import.meta.url).resolve('@modelcontextprotocol/conformance/package.json');
  const runner = spawn(
    'node_modules/.bin/node',
    [
      join(dirname(main), 'dist/index.js'),
      'authorization',
      ...['--url', settings.issuer, '--client-id', clientId, '--resource', settings.resourceUrl],
      ...['--port', String(port), '--output-dir', folder],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const ended = new Promise<number | null>((resolve, reject) => {
    runner.once('error', reject);
    runner.once('exit', resolve);
  });
  for await (const line of createInterface({ input: runner.stdout })) {
    if (!line.startsWith(`${settings.issuer}/oauth/authorize?`)) continue;
    const seen = await visitAuthorizePage({
      authorize_url: line.trim(),
      ...settings.user,
      decision: 'approve',
      client_name: CLIENT_NAME,
    });
    facts['approved'] = seen.consent.approved;
  }
  expect((await ended) === 0, 'the runner found a failure');
}

/** What it wrote down, wherever in its folder. */
async function results(folder: string): Promise<Check[]> {
  const files = await readdir(folder, { recursive: true });
  const checks: Check[] = [];
  for (const file of files.filter((name) => name.endsWith('checks.json'))) {
    checks.push(...(JSON.parse(await readFile(join(folder, file), 'utf8')) as Check[]));
  }
  return checks;
}

let settings: Settings;
try {
  settings = settingsFrom(process.env);
} catch (failure) {
  process.stderr.write(`${failure instanceof Error ? failure.message : failure}\n`);
  process.exit(2);
}
await journey('conformance/full', settings.journeyTimeoutMs, () => story(settings));
