// Command line around the visits, for callers in other languages: one JSON object on standard input,
// one JSON line on standard output, exit code 1 when the visit failed.

import { type Agreement, visitAgreementPage } from './agreement.js';
import { type Visit, visitAuthorizePage } from './visit.js';

async function readAll(stream: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return text;
}

try {
  const visit = JSON.parse(process.argv[2] ?? (await readAll(process.stdin))) as Visit | Agreement;
  const seen = 'consent_url' in visit ? await visitAgreementPage(visit) : await visitAuthorizePage(visit);
  process.stdout.write(`${JSON.stringify({ ok: true, ...seen })}\n`);
} catch (failure) {
  const reason = failure instanceof Error ? failure.message : String(failure);
  process.stdout.write(`${JSON.stringify({ ok: false, reason })}\n`);
  process.exitCode = 1;
}
