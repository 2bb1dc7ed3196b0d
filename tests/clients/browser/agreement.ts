// The page behind the `consent_url` of a token exchange: whether a client may reach one more resource.
// Nobody waits for the answer at an address, so the browser stays where it is.

import type { Page, Response } from 'playwright-core';
import { withFreshPage } from './chromium.js';
import { demand, demandGuardedHeaders, demandReadable } from './pages.js';
import { explained, keepDocuments, type Person, scopesOffered, signIn, visibleText } from './visit.js';

export interface Agreement extends Person {
  consent_url: string;
  decision: 'approve' | 'deny';
  /** The client that wants more; the page has to name it. */
  client_name: string;
  /** URL of the resource that it wants to reach; the page has to show it. */
  resource: string;
  /** Scopes the page has to offer, each as its own checkbox. */
  scopes: string[];
  timeout_ms?: number;
  artifacts?: string;
}

export interface Agreed {
  offered: string[];
  heading: string;
}

export async function visitAgreementPage(agreement: Agreement): Promise<Agreed> {
  return withFreshPage(agreement.timeout_ms ?? 60_000, async (page) => {
    try {
      const documents = keepDocuments(page);
      await signIn(page, agreement.consent_url, agreement);
      return await decide(page, agreement, documents);
    } catch (failure) {
      throw await explained(page, failure, agreement.artifacts);
    }
  });
}

async function decide(page: Page, agreement: Agreement, documents: Response[]): Promise<Agreed> {
  await demandGuardedHeaders(documents.at(-1) ?? null, 'agreement page');
  await demandReadable(page, 'agreement page');
  const text = await visibleText(page);
  for (const said of [agreement.client_name, agreement.resource]) {
    demand(text.includes(said), `the agreement page does not say ${said}`);
  }
  const offered = await scopesOffered(page, agreement.scopes);
  const asked = new URL(page.url()).origin;
  await page.locator(`button[name="decision"][value="${agreement.decision}"]`).focus();
  await page.keyboard.press('Enter');
  await page.locator('button[name="decision"]').waitFor({ state: 'detached' });
  await demandReadable(page, 'page after the decision');
  const heading = (await page.locator('h1').innerText()).trim();
  demand(new URL(page.url()).origin === asked, `the decision led to ${page.url()}`);
  const approves = agreement.decision === 'approve';
  demand(/\bapproved?\b/i.test(heading), `after the decision the page says ${heading}`);
  demand(approves !== /\bnot\b/i.test(heading), `after ${agreement.decision} the page says ${heading}`);
  return { offered, heading };
}
