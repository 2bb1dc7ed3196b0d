// The story of one stock MCP client. Scenarios:
//   full      sign in, use the tools, refresh in every way, introspect, revoke
//   untick    the person takes one scope back; the token lacks it for good
//   deny      the person says no
//   replay    a refresh token from two generations ago comes back; the family dies
//   portless  the redirect URI is registered without a port and used with one

import { type Answer, expectInactive, expectOAuthError, postForm, readMetadata } from './endpoints.js';
import { refreshByHand, refreshBySdk, refreshDirectly, refreshRace } from './refresh.js';
import { expect, journey, step } from './report.js';
import { knock } from './session.js';
import { type Settings, settingsFrom } from './settings.js';
import { type SignedIn, signInThroughBrowser } from './signin.js';

type Endpoints = Awaited<ReturnType<typeof readMetadata>>;

async function story(settings: Settings): Promise<void> {
  const endpoints = await step('metadata', settings.stepTimeoutMs, () => readMetadata(settings.issuer));
  const signedIn = await signInThroughBrowser(settings);
  if (!signedIn) return;
  try {
    await useTools(settings, signedIn);
    await refreshBySdk(settings, signedIn);
    const twoGenerationsAgo = signedIn.provider.current.refresh_token;
    await refreshDirectly(settings, endpoints, signedIn);
    await refreshRace(settings, endpoints, signedIn);
    await introspectActive(settings, endpoints, signedIn);
    if (settings.scenario === 'replay') await replay(settings, endpoints, signedIn, twoGenerationsAgo);
    else await revoke(settings, endpoints, signedIn);
    await afterTheEnd(settings, endpoints, signedIn);
  } finally {
    await signedIn.session.close().catch(() => {});
  }
}

async function useTools(settings: Settings, { session, provider, approved }: SignedIn): Promise<void> {
  await step('tools', settings.stepTimeoutMs, async (facts) => {
    const names = await session.toolNames();
    expect(names.join() === 'add,whoami', `the server lists [${names}]`);
    const who = await session.call('whoami');
    expect(!who.refused, `whoami was refused: ${who.text}`);
    const seen = JSON.parse(who.text) as Record<string, unknown>;
    expect(seen['client_id'] === provider.registered.client_id, 'the server sees another client');
    expect(seen['resource'] === settings.resourceUrl, `the server sees the audience ${seen['resource']}`);
    const sum = await session.call('add', { a: 2, b: 40 });
    const allowed = approved.includes('tools:write');
    expect(sum.refused !== allowed, `add with scopes [${approved}] answered: ${sum.text}`);
    expect(sum.text.includes(allowed ? '42' : 'tools:write'), `add answered: ${sum.text}`);
    Object.assign(facts, { subject: seen['subject'], add: allowed ? 'allowed' : 'refused' });
  });
}

function introspect(settings: Settings, endpoints: Endpoints, token: string): Promise<Answer> {
  const form = { token, token_type_hint: 'access_token' };
  return postForm(endpoints.introspection_endpoint, form, settings.runtimeClient);
}

async function introspectActive(settings: Settings, endpoints: Endpoints, signedIn: SignedIn): Promise<void> {
  await step('introspect_active', settings.stepTimeoutMs, async (facts) => {
    const { provider } = signedIn;
    const token = provider.current.access_token;
    const { status, body } = await introspect(settings, endpoints, token);
    expect(status === 200 && body['active'] === true, `introspection answered ${status} ${body['active']}`);
    const audience = [body['aud']].flat();
    expect(audience[0] === settings.resourceUrl, `aud is ${JSON.stringify(body['aud'])}`);
    expect(body['iss'] === settings.issuer, `iss is ${body['iss']}`);
    expect(body['client_id'] === provider.registered.client_id, `client_id is ${body['client_id']}`);
    expect(body['scope'] === provider.current.scope, `scope is ${body['scope']}`);
    for (const name of ['sub', 'jti', 'token_type']) expect(!!body[name], `${name} is missing`);
    for (const name of ['exp', 'iat']) expect(Number.isInteger(body[name]), `${name} is not a number`);
    facts['members'] = Object.keys(body);
    expectInactive(
      await postForm(endpoints.introspection_endpoint, { token }),
      'a caller without credentials',
    );
    const wrong = { ...settings.runtimeClient, secret: 'wrong' };
    const refused = await postForm(endpoints.introspection_endpoint, { token }, wrong);
    expectOAuthError(refused, 401, 'invalid_client');
    expect(refused.headers.has('www-authenticate'), '401 without WWW-Authenticate');
  });
}

async function replay(
  settings: Settings,
  endpoints: Endpoints,
  signedIn: SignedIn,
  old: string,
): Promise<void> {
  await step('replay', settings.stepTimeoutMs, async () => {
    expectOAuthError(await refreshByHand(endpoints, signedIn, old), 400, 'invalid_grant');
  });
}

async function revoke(settings: Settings, endpoints: Endpoints, signedIn: SignedIn): Promise<void> {
  await step('revoke', settings.stepTimeoutMs, async () => {
    const { refresh_token: token } = signedIn.provider.current;
    const { client_id } = signedIn.provider.registered;
    const form = { token, token_type_hint: 'refresh_token', client_id };
    for (const time of ['first', 'second']) {
      const { status } = await postForm(endpoints.revocation_endpoint, form);
      expect(status === 200, `the ${time} revocation answered ${status}`);
    }
  });
}

/** The family is gone, whichever way it went. */
async function afterTheEnd(settings: Settings, endpoints: Endpoints, signedIn: SignedIn): Promise<void> {
  const { refresh_token, access_token } = signedIn.provider.current;
  await step('introspect_inactive', settings.stepTimeoutMs, async () => {
    expectInactive(await introspect(settings, endpoints, access_token), 'the access token of a dead family');
  });
  await step('refresh_refused', settings.stepTimeoutMs, async () => {
    expectOAuthError(await refreshByHand(endpoints, signedIn, refresh_token), 400, 'invalid_grant');
  });
  await step('server_after_revocation', settings.stepTimeoutMs, async (facts) => {
    const status = await knock(settings, access_token);
    facts['status'] = status;
    // A server that checks signatures only lets the token in until it expires; that is by design.
    const expected = settings.serverIntrospects ? 401 : 200;
    expect(status === expected, `the MCP server answered ${status}, expected ${expected}`);
  });
}

let settings: Settings;
try {
  settings = settingsFrom(process.env);
} catch (failure) {
  process.stderr.write(`${failure instanceof Error ? failure.message : failure}\n`);
  process.exit(2);
}
await journey(`typescript/${settings.scenario}`, settings.journeyTimeoutMs, () => story(settings));
