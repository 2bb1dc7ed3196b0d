// From "no token" to "connected": 401, discovery, registration, the browser, the code, the tokens.

import { visitAuthorizePage } from '../browser/visit.js';
import { expectOurAnswer, listenOnLoopback } from './loopback.js';
import { InMemoryProvider } from './provider.js';
import { expect, step } from './report.js';
import { CLIENT_NAME, McpSession } from './session.js';
import type { Settings } from './settings.js';
import { Wire } from './wire.js';

export interface SignedIn {
  session: McpSession;
  provider: InMemoryProvider;
  wire: Wire;
  /** Scopes the person left ticked. */
  approved: string[];
}

/** Everything up to the first token; undefined when the person said no, which the client has to notice. */
export async function signInThroughBrowser(settings: Settings): Promise<SignedIn | undefined> {
  const limit = settings.stepTimeoutMs;
  const wire = new Wire();
  const loopback = await listenOnLoopback();
  try {
    const provider = newProvider(settings, loopback.port);
    const session = new McpSession(settings, provider, wire);
    const authorizeUrl = await step('discover_and_register', limit, async (facts) => {
      const url = await session.connectUnauthorized();
      facts['requests'] = wire.drain();
      facts['client_id'] = provider.registered.client_id;
      facts['authorize_parameters'] = [...url.searchParams.keys()];
      expect(url.searchParams.get('code_challenge_method') === 'S256', 'the SDK did not use S256');
      expect(url.searchParams.get('resource') === settings.resourceUrl, 'the SDK asks for another resource');
      return url;
    });
    const approved = await visit(settings, authorizeUrl, limit);
    const parameters = await step('authorization_response', limit, async (facts) => {
      const answer = await loopback.answer;
      facts['parameters'] = [...answer.keys()];
      expectOurAnswer(answer, settings.issuer, provider.expectedState);
      return answer;
    });
    if (settings.scenario === 'deny') {
      await step('denied', limit, () => expectDenied(parameters));
      return undefined;
    }
    await step('code_for_tokens', limit, async (facts) => {
      const code = parameters.get('code');
      expect(code !== null, `no code, but error ${parameters.get('error')}`);
      await session.finish(code);
      facts['requests'] = wire.drain();
      const { scope, expires_in, token_type } = provider.current;
      Object.assign(facts, { scope, expires_in, token_type });
      expect(scope !== undefined, 'the token response does not name its scope');
      expect(
        sameScopes(scope.split(' '), approved),
        `token has [${scope}], the person approved [${approved}]`,
      );
    });
    return { session, provider, wire, approved };
  } finally {
    loopback.close();
  }
}

function newProvider(settings: Settings, port: number): InMemoryProvider {
  const exact = `http://127.0.0.1:${port}/callback`;
  const portless = settings.scenario === 'portless';
  // RFC 8252 §7.3: registered without a port, used with one (what Claude Code does).
  const registered = portless ? 'http://localhost/callback' : exact;
  return new InMemoryProvider(portless ? `http://localhost:${port}/callback` : exact, {
    client_name: CLIENT_NAME,
    redirect_uris: [registered],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
    scope: settings.scopes.join(' '),
  });
}

async function visit(settings: Settings, authorizeUrl: URL, limit: number): Promise<string[]> {
  return step('browser', limit * 3, async (facts) => {
    const seen = await visitAuthorizePage({
      authorize_url: authorizeUrl.href,
      email: settings.user.email,
      password: settings.user.password,
      decision: settings.scenario === 'deny' ? 'deny' : 'approve',
      client_name: CLIENT_NAME,
      scopes: settings.scopes,
      untick: settings.scenario === 'untick' ? settings.scopes.slice(-1) : [],
      timeout_ms: limit,
      ...(settings.artifacts ? { artifacts: settings.artifacts } : {}),
    });
    Object.assign(facts, seen.consent);
    return seen.consent.approved;
  });
}

function expectDenied(parameters: URLSearchParams): void {
  expect(parameters.get('error') === 'access_denied', `expected access_denied, got ${parameters}`);
  expect(parameters.get('code') === null, 'a refusal came with a code');
}

function sameScopes(left: string[], right: string[]): boolean {
  const plain = (scopes: string[]): string[] => scopes.filter((scope) => scope !== 'offline_access').sort();
  return plain(left).join(' ') === plain(right).join(' ');
}
