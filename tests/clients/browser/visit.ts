// The person's half of the authorization code flow: sign in, read the consent page, decide.
// Everything is done from the keyboard, as someone without a mouse would.

import type { Page, Response } from 'playwright-core';
import { withFreshPage } from './chromium.js';
import { blockAround, demand, demandGuardedHeaders, demandReadable, labelled, PageBroken } from './pages.js';

export interface Person {
  email: string;
  password: string;
}

export interface Visit extends Person {
  authorize_url: string;
  decision: 'approve' | 'deny';
  /** Name the client registered; the consent page has to show it. */
  client_name: string;
  /** Scopes the consent page has to offer, each as its own checkbox. Not checked when absent. */
  scopes?: string[];
  /** Scopes to take back before deciding. */
  untick?: string[];
  timeout_ms?: number;
  /** Where to leave a picture when the visit fails. */
  artifacts?: string;
}

export interface Seen {
  final_url: string;
  consent: { offered: string[]; approved: string[]; redirect_block: string; resource_shown: boolean };
}

/** What the page says about a client nobody but itself vouches for. */
const SELF_DECLARED = /self-declared|unverified|not (been )?verified|calls itself|says it is/i;
/** What the page says when the approval goes to a program on the same machine. */
const LOOPBACK_WARNING = /\b(program|app|application|process)s?\b[^.]{0,160}\b(machine|computer|device)\b/i;

export async function visitAuthorizePage(visit: Visit): Promise<Seen> {
  const timeout = visit.timeout_ms ?? 60_000;
  return withFreshPage(timeout, async (page) => {
    try {
      const documents = keepDocuments(page);
      await signIn(page, visit.authorize_url, visit);
      return await decide(page, visit, documents);
    } catch (failure) {
      throw await explained(page, failure, visit.artifacts);
    }
  });
}

/** Goes to an address that wants a person, who signs in and is at the question then. */
export async function signIn(page: Page, address: string, person: Person): Promise<void> {
  const response = await page.goto(address, { waitUntil: 'load' });
  demand(
    (await page.locator('input[name="password"]').count()) === 1,
    `expected the sign-in page at ${where(page)} (HTTP ${response?.status()})`,
  );
  await demandGuardedHeaders(response, 'sign-in page');
  await demandReadable(page, 'sign-in page');
  const email = await labelled(page, /e-?mail/i, 'email');
  const password = await labelled(page, /password/i, 'password');
  demand((await password.getAttribute('type')) === 'password', 'the password field shows what is typed');
  await email.focus();
  await page.keyboard.type(person.email);
  await password.focus();
  await page.keyboard.type(person.password);
  await page.keyboard.press('Enter');
  await page.locator('button[name="decision"], [role=alert], input[aria-invalid=true]').first().waitFor();
  if ((await page.locator('button[name="decision"]').count()) === 0) {
    throw new PageBroken(`sign-in was refused: ${await visibleText(page)}`);
  }
}

/** Remembers the responses that filled the window: the consent page is reached by a form, not by `goto`. */
export function keepDocuments(page: Page): Response[] {
  const documents: Response[] = [];
  page.on('response', (response) => {
    if (response.request().isNavigationRequest() && response.frame() === page.mainFrame()) {
      documents.push(response);
    }
  });
  return documents;
}

async function decide(page: Page, visit: Visit, documents: Response[]): Promise<Seen> {
  const request = new URL(visit.authorize_url).searchParams;
  const redirectUri = new URL(request.get('redirect_uri') ?? '');
  const resource = request.get('resource');
  await demandGuardedHeaders(documents.at(-1) ?? null, 'consent page');
  await demandReadable(page, 'consent page');
  const text = await visibleText(page);
  demand(text.includes(visit.client_name), `the consent page does not name the client ${visit.client_name}`);
  demand(SELF_DECLARED.test(text), 'the consent page does not say that the client named itself');
  const redirectBlock = await demandRedirectBlock(page, redirectUri, resource);
  if (isLoopback(redirectUri)) {
    demand(LOOPBACK_WARNING.test(text), 'the consent page does not warn that any program here could ask');
  }
  const offered = await scopesOffered(page, visit.scopes);
  for (const scope of visit.untick ?? []) {
    const box = page.locator(`input[type="checkbox"][name="scope"][value="${scope}"]`);
    await box.focus();
    await page.keyboard.press('Space');
    demand(!(await box.isChecked()), `${scope} cannot be unticked`);
  }
  const approved = await tickedScopes(page);
  await page.locator(`button[name="decision"][value="${visit.decision}"]`).focus();
  await page.keyboard.press('Enter');
  await arrival(page, redirectUri);
  return {
    final_url: page.url(),
    consent: {
      offered,
      approved,
      redirect_block: redirectBlock,
      resource_shown: resource !== null && text.includes(resource),
    },
  };
}

/** Waits until the browser is at the client. Chromium applies a page's `form-action` to redirects too. */
async function arrival(page: Page, redirectUri: URL): Promise<void> {
  try {
    await page.waitForURL((url) => url.host === redirectUri.host && url.pathname === redirectUri.pathname, {
      waitUntil: 'commit',
    });
  } catch (failure) {
    const why = failure instanceof Error ? failure.message.split('\n')[0] : String(failure);
    throw new PageBroken(
      `the decision never reached ${redirectUri.host} (${why}); does form-action leave it out?`,
    );
  }
}

async function demandRedirectBlock(page: Page, redirectUri: URL, resource: string | null): Promise<string> {
  const block = await blockAround(page, redirectUri.hostname, resource);
  demand(block !== undefined, `the consent page does not show where the approval goes (${redirectUri.host})`);
  demand(!block.holdsControls, 'the redirect host is not in a block of its own');
  return block.text.replace(/\s+/g, ' ').trim();
}

export async function scopesOffered(page: Page, expected?: string[]): Promise<string[]> {
  const boxes = page.locator('input[type="checkbox"][name="scope"]');
  const offered: string[] = [];
  for (const box of await boxes.all()) offered.push((await box.getAttribute('value')) ?? '');
  if (expected) {
    const missing = expected.filter((scope) => !offered.includes(scope));
    const extra = offered.filter((scope) => scope !== 'offline_access' && !expected.includes(scope));
    demand(
      missing.length === 0 && extra.length === 0,
      `the consent page offers [${offered}], expected [${expected}]`,
    );
  }
  return offered;
}

async function tickedScopes(page: Page): Promise<string[]> {
  const ticked: string[] = [];
  for (const box of await page.locator('input[type="checkbox"][name="scope"]:checked').all()) {
    ticked.push((await box.getAttribute('value')) ?? '');
  }
  return ticked;
}

function isLoopback(uri: URL): boolean {
  return ['127.0.0.1', '[::1]', 'localhost'].includes(uri.hostname);
}

function where(page: Page): string {
  const url = new URL(page.url());
  return url.protocol.startsWith('http') ? url.origin + url.pathname : page.url();
}

export async function visibleText(page: Page, timeout = 10_000): Promise<string> {
  return (await page.locator('body').innerText({ timeout })).replace(/\s+/g, ' ').trim();
}

export async function explained(page: Page, failure: unknown, artifacts: string | undefined): Promise<Error> {
  if (artifacts) await page.screenshot({ path: `${artifacts}/browser.png`, timeout: 5000 }).catch(() => {});
  const text = await visibleText(page, 1500).catch(() => '');
  const reason = failure instanceof Error ? failure.message.split('\n')[0] : String(failure);
  return new Error(`${reason} [at ${where(page)}; page says: ${text.slice(0, 300)}]`);
}
