// What the sign-in and consent pages owe to the person in front of them, asserted on what is rendered:
// labels, headings, headers and words, never on class names or layout.

import type { Locator, Page, Response } from 'playwright-core';

export class PageBroken extends Error {}

export function demand(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new PageBroken(otherwise);
}

/** The page is named, has one heading, and every field a person can reach says what it is for. */
export async function demandReadable(page: Page, which: string): Promise<void> {
  demand((await page.title()).trim() !== '', `${which}: the page has no title`);
  const language = await page.locator('html').getAttribute('lang');
  demand(!!language, `${which}: <html> does not say its language`);
  const headings = await page.locator('h1').count();
  demand(headings === 1, `${which}: expected one h1, found ${headings}`);
  demand((await page.getByRole('main').count()) === 1, `${which}: expected one main landmark`);
  const nameless = await page
    .locator('input:not([type=hidden]), select, textarea, button')
    .evaluateAll((fields) =>
      fields
        .filter((field) => {
          const labels = (field as HTMLInputElement).labels;
          const text = labels ? Array.from(labels, (label) => label.textContent).join('') : '';
          const named = field.getAttribute('aria-label') ?? field.getAttribute('aria-labelledby') ?? '';
          return (text + named + (field.tagName === 'BUTTON' ? field.textContent : '')).trim() === '';
        })
        .map((field) => field.getAttribute('name') ?? field.outerHTML.slice(0, 60)),
    );
  demand(nameless.length === 0, `${which}: fields without a label: ${nameless.join(', ')}`);
}

/** Framing and referrer protection travel in headers, so they are checked on the response. */
export async function demandGuardedHeaders(response: Response | null, which: string): Promise<void> {
  demand(response !== null, `${which}: no response to look at`);
  const headers = await response.allHeaders();
  const policy = headers['content-security-policy'] ?? '';
  demand(/frame-ancestors\s+'none'/.test(policy), `${which}: the page may be framed (policy: ${policy})`);
  demand(!/script-src[^;]*'unsafe-inline'/.test(policy), `${which}: inline script is allowed`);
  const referrer = headers['referrer-policy'] ?? '';
  demand(referrer === 'no-referrer', `${which}: referrer policy is ${JSON.stringify(referrer)}`);
}

/** The field a label with these words leads to; fails when it is not the field with that name. */
export async function labelled(page: Page, words: RegExp, name: string): Promise<Locator> {
  const field = page.getByLabel(words).and(page.locator(`input[name="${name}"]`));
  demand((await field.count()) === 1, `no label matching ${words} leads to the field ${name}`);
  return field;
}

/**
 * The nearest block around `words`, or undefined when the words are not on the page. Blocks that also
 * hold `butNot` are about something else (a resource may live on the same host) and do not count.
 */
export async function blockAround(
  page: Page,
  words: string,
  butNot: string | null,
): Promise<BlockText | undefined> {
  const blocks: BlockText[] = [];
  for (const element of await page.getByText(words, { exact: false }).all()) {
    blocks.push(await element.evaluate(nearestBlock));
  }
  const about = blocks.filter((block) => butNot === null || !block.text.includes(butNot));
  return about.find((block) => !block.holdsControls) ?? about[0];
}

export interface BlockText {
  text: string;
  holdsControls: boolean;
}

function nearestBlock(element: Element): BlockText {
  let block: Element = element;
  while (block.parentElement && getComputedStyle(block).display.startsWith('inline')) {
    block = block.parentElement;
  }
  const holdsControls = block.querySelector('input:not([type=hidden]), button') !== null;
  return { text: block.textContent ?? '', holdsControls };
}
