// MCP Inspector as a person uses it: its web page in a real browser, from "Connect" through sign-in and
// consent to the list of tools. And what a script on a page of another origin may read of us, asked by the
// same browser, which sends the preflights itself.

import type { Page } from 'playwright-core';
import { withFreshPage } from '../browser/chromium.js';
import { expect, journey, step } from '../typescript/report.js';
import { type Settings, settingsFrom } from '../typescript/settings.js';
import { startInspector } from './program.js';

async function story(settings: Settings): Promise<void> {
  const limit = settings.stepTimeoutMs;
  const inspector = await step('start', limit, () => startInspector(settings));
  try {
    await withFreshPage(
      limit,
      async (page) => {
        await step('connect', limit, () => connect(settings, page, inspector.url));
        await step('consent', limit, () => agree(settings, page, inspector.url));
        await step('tools', limit, () => listTools(page));
        await step('scripts', limit, (facts) => readAsScript(settings, page, facts));
      },
      { scripts: true },
    );
  } finally {
    inspector.stop();
  }
}

/** Switches the server on; Inspector discovers us, registers, and leaves for the authorization endpoint. */
async function connect(settings: Settings, page: Page, url: string): Promise<void> {
  // The page asks for fonts from elsewhere; nothing here may depend on the network.
  const ours = [new URL(url).host, new URL(settings.issuer).host];
  await page.route('**/*', (route) =>
    ours.includes(new URL(route.request().url()).host) ? route.continue() : route.abort(),
  );
  await page.goto(url);
  await page.getByRole('switch', { name: /^Connect or disconnect/ }).click({ force: true });
  await page.locator('input[name="password"]').waitFor();
  expect(page.url().startsWith(`${settings.issuer}/`), `Inspector went to ${page.url()}`);
}

async function agree(settings: Settings, page: Page, url: string): Promise<void> {
  await page.locator('input[name="email"]').fill(settings.user.email);
  await page.locator('input[name="password"]').fill(settings.user.password);
  await page.keyboard.press('Enter');
  const approve = page.locator('button[name="decision"][value="approve"]');
  await approve.waitFor();
  const text = await page.locator('main').innerText();
  const { host } = new URL(url);
  expect(text.includes('MCP Inspector'), 'the consent page does not name Inspector');
  expect(text.includes(host), `the consent page does not say that the approval goes to ${host}`);
  await approve.click();
  await page.waitForURL((now) => now.host === host);
}

async function listTools(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Disconnect from server' }).waitFor();
  await page.getByText('Tools', { exact: true }).first().click();
  for (const tool of ['whoami', 'add']) await page.getByText(tool, { exact: true }).first().waitFor();
}

interface Read {
  status: number;
  error: unknown;
  challenge: string | null;
}

/** What a script of this page's origin reads; undefined when the browser keeps the answer from it. */
async function fetchAsScript(page: Page, url: string, request: RequestInit): Promise<Read | undefined> {
  return page.evaluate(
    async ([address, init]) => {
      try {
        const answer = await fetch(address, init);
        const text = await answer.text();
        const isJson = answer.headers.get('content-type')?.startsWith('application/json') === true;
        const body = isJson ? (JSON.parse(text) as Record<string, unknown>) : {};
        const challenge = answer.headers.get('www-authenticate');
        return { status: answer.status, error: body['error'], challenge };
      } catch {
        return undefined;
      }
    },
    [url, request] as const,
  );
}

async function readAsScript(settings: Settings, page: Page, facts: Record<string, unknown>): Promise<void> {
  const version = { 'mcp-protocol-version': '2025-11-25' };
  const form = { ...version, 'content-type': 'application/x-www-form-urlencoded' };
  const basic = { ...form, authorization: `Basic ${btoa('nobody:nothing')}` };
  const json = { ...version, 'content-type': 'application/json' };
  const expected: [string, RequestInit, number, string | undefined][] = [
    ['/.well-known/oauth-authorization-server', { headers: version }, 200, undefined],
    ['/.well-known/openid-configuration', { headers: version }, 200, undefined],
    ['/.well-known/oauth-protected-resource/mcp', { headers: version }, 200, undefined],
    ['/.well-known/jwks.json', { headers: version }, 200, undefined],
    ['/oauth/register', { method: 'POST', headers: json, body: '{}' }, 400, 'invalid_redirect_uri'],
    ['/oauth/token', { method: 'POST', headers: basic, body: 'grant_type=x' }, 401, 'invalid_client'],
    ['/oauth/introspect', { method: 'POST', headers: basic, body: 'token=x' }, 401, 'invalid_client'],
    ['/oauth/revoke', { method: 'POST', headers: basic, body: 'token=x' }, 401, 'invalid_client'],
  ];
  for (const [path, request, status, error] of expected) {
    const read = await fetchAsScript(page, settings.issuer + path, request);
    facts[path] = read?.status ?? 'kept from the script';
    expect(read !== undefined, `${path} is kept from the script`);
    expect(read.status === status && read.error === error, `${path}: ${read.status} ${read.error}`);
    expect(status !== 401 || read.challenge?.startsWith('Basic') === true, `${path}: no challenge to read`);
  }
  for (const path of ['/login', '/consent', '/oauth/authorize']) {
    const read = await fetchAsScript(page, settings.issuer + path, { credentials: 'include' });
    expect(read === undefined, `a script of another origin reads ${path}`);
  }
}

let settings: Settings;
try {
  settings = settingsFrom(process.env);
} catch (failure) {
  process.stderr.write(`${failure instanceof Error ? failure.message : failure}\n`);
  process.exit(2);
}
await journey('inspector/full', settings.journeyTimeoutMs, () => story(settings));
