// A throw-away Chromium: its own profile, no background traffic, and scripts switched off unless a client needs
// them, because the authorization server's pages promise to work without any.

import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Page } from 'playwright-core';

const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
];

/** Opens a page in a fresh profile, hands it to `visit`, and always closes the browser and removes the profile. */
export async function withFreshPage<T>(
  timeoutMs: number,
  visit: (page: Page) => Promise<T>,
  { scripts = false } = {},
): Promise<T> {
  const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
  const profile = await mkdtemp(join(tmpdir(), 'journey-profile-'));
  // A journey that runs out of time leaves by process.exit, past every `finally`.
  const sweep = (): void => rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  process.once('exit', sweep);
  try {
    const context = await chromium.launchPersistentContext(profile, {
      executablePath,
      headless: true,
      args: QUIET,
      javaScriptEnabled: scripts,
      timeout: timeoutMs,
    });
    try {
      context.setDefaultTimeout(timeoutMs);
      context.setDefaultNavigationTimeout(timeoutMs);
      return await visit(context.pages()[0] ?? (await context.newPage()));
    } finally {
      await context.close();
    }
  } finally {
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    process.off('exit', sweep);
  }
}
