// What happens to a refresh token over its life: rotated by the SDK, rotated by hand, raced, replayed.

import { refreshAuthorization } from '@modelcontextprotocol/sdk/client/auth.js';
import type { OAuthTokens } from '@modelcontextprotocol/sdk/shared/auth.js';
import { type Answer, type Endpoints, expectNoStore, postForm } from './endpoints.js';
import { expect, step } from './report.js';
import type { Settings } from './settings.js';
import type { SignedIn } from './signin.js';

/** The access token goes bad under the SDK's hands; it has to refresh and carry on without a browser. */
export async function refreshBySdk(settings: Settings, { session, provider, wire }: SignedIn): Promise<void> {
  await step('refresh_by_sdk', settings.stepTimeoutMs, async (facts) => {
    const before = provider.current.refresh_token;
    provider.spoilAccessToken();
    wire.drain();
    const answer = await session.call('whoami');
    const requests = wire.drain();
    facts['requests'] = requests;
    expect(!answer.refused, `after the refresh the tool answered: ${answer.text}`);
    const refreshes = requests.filter((line) => line.endsWith('200 (refresh_token)'));
    expect(refreshes.length === 1, `expected one refresh by the SDK, saw ${refreshes.length}`);
    expect(provider.current.refresh_token !== before, 'the refresh token was not rotated');
  });
}

export function refreshByHand(
  endpoints: Endpoints,
  signedIn: SignedIn,
  refreshToken: string,
): Promise<Answer> {
  return postForm(endpoints.token_endpoint, {
    grant_type: 'refresh_token',
    refresh_token: refreshToken,
    client_id: signedIn.provider.registered.client_id,
  });
}

/** A plain request without `resource` and `scope`: everything the family was granted comes back. */
export async function refreshDirectly(
  settings: Settings,
  endpoints: Endpoints,
  signedIn: SignedIn,
): Promise<void> {
  await step('refresh_directly', settings.stepTimeoutMs, async (facts) => {
    const before = signedIn.provider.current;
    const answer = await refreshByHand(endpoints, signedIn, before.refresh_token);
    expect(answer.status === 200, `refresh answered ${answer.status} ${answer.body['error']}`);
    expectNoStore(answer, 'the token response');
    const after = answer.body as unknown as OAuthTokens;
    expect(after.refresh_token !== undefined, 'no successor came back');
    expect(after.refresh_token !== before.refresh_token, 'the refresh token was not rotated');
    expect(after.access_token !== before.access_token, 'the access token is the old one');
    expect(Number.isInteger(after.expires_in), 'expires_in is not an integer');
    expect(after.scope === before.scope, `scope changed from [${before.scope}] to [${after.scope}]`);
    signedIn.provider.saveTokens(after);
    Object.assign(facts, { scope: after.scope, expires_in: after.expires_in });
  });
}

/** Two processes of one client refresh the same token at the same moment; neither may lose. */
export async function refreshRace(
  settings: Settings,
  endpoints: Endpoints,
  signedIn: SignedIn,
): Promise<void> {
  await step('refresh_race', settings.stepTimeoutMs, async (facts) => {
    const { refresh_token: refreshToken } = signedIn.provider.current;
    const once = () =>
      refreshAuthorization(settings.issuer, {
        metadata: endpoints as never,
        clientInformation: signedIn.provider.registered,
        refreshToken,
        resource: settings.resourceUrl,
      });
    const [left, right] = await Promise.all([once(), once()]);
    expect(left.refresh_token !== refreshToken, 'the refresh token was not rotated');
    expect(left.refresh_token === right.refresh_token, 'the family forked: two different successors');
    facts['same_access_token'] = left.access_token === right.access_token;
    signedIn.provider.saveTokens(left);
    const late = await refreshByHand(endpoints, signedIn, refreshToken);
    expect(late.status === 200, `a late retry within the grace window answered ${late.status}`);
    expect(late.body['refresh_token'] === left.refresh_token, 'a late retry got another successor');
  });
}
