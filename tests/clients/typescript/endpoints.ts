// Requests no MCP client library makes for us: introspection as the resource's runtime client, revocation
// as the public client, and a refresh outside the SDK to look at the raw answer.

import { expect } from './report.js';

export interface Endpoints {
  issuer: string;
  token_endpoint: string;
  introspection_endpoint: string;
  revocation_endpoint: string;
}

export interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

export async function readMetadata(issuer: string): Promise<Endpoints> {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, '');
  const response = await fetch(`${origin}/.well-known/oauth-authorization-server${path}`);
  expect(response.status === 200, `metadata answered ${response.status}`);
  const metadata = (await response.json()) as Record<string, unknown>;
  expect(metadata['issuer'] === issuer, `metadata names the issuer ${metadata['issuer']}`);
  for (const name of [
    'token_endpoint',
    'introspection_endpoint',
    'revocation_endpoint',
    'registration_endpoint',
  ]) {
    expect(typeof metadata[name] === 'string', `metadata has no ${name}`);
  }
  expect(
    JSON.stringify(metadata['code_challenge_methods_supported']) === '["S256"]',
    'metadata does not promise S256 and only S256',
  );
  expect(
    metadata['authorization_response_iss_parameter_supported'] === true,
    'metadata does not promise iss on authorization responses',
  );
  return metadata as unknown as Endpoints;
}

export async function postForm(
  url: string,
  form: Record<string, string>,
  basic?: { id: string; secret: string },
): Promise<Answer> {
  const headers = new Headers({ accept: 'application/json' });
  if (basic) {
    const pair = `${encodeURIComponent(basic.id)}:${encodeURIComponent(basic.secret)}`;
    headers.set('authorization', `Basic ${Buffer.from(pair).toString('base64')}`);
  }
  const response = await fetch(url, { method: 'POST', headers, body: new URLSearchParams(form) });
  const text = await response.text();
  const body = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
  return { status: response.status, headers: response.headers, body };
}

export function expectNoStore(answer: Answer, what: string): void {
  expect((answer.headers.get('cache-control') ?? '').includes('no-store'), `${what} may be cached`);
}

/** RFC 7662 §2.2: an inactive answer says nothing else. */
export function expectInactive(answer: Answer, who: string): void {
  expect(answer.status === 200, `introspection for ${who} answered ${answer.status}`);
  expect(
    JSON.stringify(answer.body) === '{"active":false}',
    `introspection for ${who} answered ${JSON.stringify(Object.keys(answer.body))}, expected exactly {"active": false}`,
  );
}

export function expectOAuthError(answer: Answer, status: number, error: string): void {
  const got = `${answer.status} ${answer.body['error']}`;
  expect(
    answer.status === status && answer.body['error'] === error,
    `expected ${status} ${error}, got ${got}`,
  );
  expect(typeof answer.body['error_description'] === 'string', `${error} comes without a description`);
  expect(
    (answer.headers.get('content-type') ?? '').startsWith('application/json'),
    `${error} is not application/json`,
  );
  expectNoStore(answer, error);
}
