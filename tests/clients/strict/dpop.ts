// Tokens that are bound to a key (RFC 9449), at a server that wants its own nonce in every proof.

import * as oauth from 'oauth4webapi';
import { expect, step } from '../typescript/report.js';
import type { Settings } from '../typescript/settings.js';
import { signIn } from './signin.js';
import { demandRefusal, exchange, INSECURE, introspect, readAccessToken, withNonce } from './wire.js';

interface Key {
  dpop: oauth.DPoPHandle;
  thumbprint: string;
}

async function newKey(): Promise<Key> {
  const dpop = oauth.DPoP({}, await oauth.generateKeyPair('ES256'));
  return { dpop, thumbprint: await dpop.calculateThumbprint() };
}

export async function bound(settings: Settings, as: oauth.AuthorizationServer): Promise<void> {
  const algorithms = as.dpop_signing_alg_values_supported ?? [];
  expect(algorithms.includes('ES256'), `the metadata promises proofs with ${algorithms}`);
  await machine(settings, as);
  await person(settings, as);
}

/** The token says whose it is, to the resource server that reads it and to the one that asks. */
async function demandBound(
  settings: Settings,
  as: oauth.AuthorizationServer,
  tokens: oauth.TokenEndpointResponse,
  key: Key,
): Promise<oauth.JWTAccessTokenClaims> {
  expect(tokens.token_type === 'dpop', `token_type is ${tokens.token_type}`);
  const claims = await readAccessToken(as, settings, tokens.access_token, key.dpop);
  expect(claims.cnf?.jkt === key.thumbprint, `cnf is ${JSON.stringify(claims.cnf)}`);
  const seen = await introspect(settings, as, tokens.access_token);
  expect(seen.active && seen.cnf?.jkt === key.thumbprint, `introspection says ${JSON.stringify(seen.cnf)}`);
  return claims;
}

/** A client that acts for itself learns its nonce once. */
async function machine(settings: Settings, as: oauth.AuthorizationServer): Promise<void> {
  const { id, secret } = settings.runtimeClient;
  const client: oauth.Client = { client_id: id };
  const auth = oauth.ClientSecretBasic(secret);
  const parameters = { scope: settings.scopes[0] ?? '', resource: settings.resourceUrl };
  await step('dpop: client_credentials', settings.stepTimeoutMs, async () => {
    const key = await newKey();
    for (const first of [true, false]) {
      const { result, cameAgain } = await withNonce(async () => {
        const options = { DPoP: key.dpop, ...INSECURE };
        const response = await oauth.clientCredentialsGrantRequest(as, client, auth, parameters, options);
        return oauth.processClientCredentialsResponse(as, client, response);
      });
      expect(cameAgain === first, `a nonce was asked for: ${cameAgain}, with the first proof: ${first}`);
      await demandBound(settings, as, result, key);
    }
  });
}

/** A public client of a person: code, refresh token and access tokens belong to one key. */
async function person(settings: Settings, as: oauth.AuthorizationServer): Promise<void> {
  const limit = settings.stepTimeoutMs;
  const key = await newKey();
  const { client, auth, tokens } = await signIn(settings, as, 'none', key.dpop);
  await step('dpop: code', limit, async () => {
    await demandBound(settings, as, tokens, key);
  });
  const refresh = async (token: string, dpop?: oauth.DPoPHandle): Promise<oauth.TokenEndpointResponse> => {
    const options = { ...(dpop && { DPoP: dpop }), ...INSECURE };
    const response = await oauth.refreshTokenGrantRequest(as, client, auth, token, options);
    return oauth.processRefreshTokenResponse(as, client, response);
  };
  const first = tokens.refresh_token ?? '';
  const next = await step('dpop: refresh', limit, async () => {
    await demandRefusal(400, 'invalid_dpop_proof', () => refresh(first));
    const { result, cameAgain } = await withNonce(() => refresh(first, key.dpop));
    expect(!cameAgain, 'a nonce was asked for that the last answer had brought');
    expect(!!result.refresh_token && result.refresh_token !== first, 'the refresh token did not rotate');
    await demandBound(settings, as, result, key);
    return result;
  });
  await step('dpop: token_exchange', limit, () => exchanged(settings, as, next.access_token));
  await step('dpop: another key', limit, async () => {
    const token = next.refresh_token ?? '';
    const thief = await newKey();
    await demandRefusal(400, 'invalid_grant', async () => {
      await withNonce(() => refresh(token, thief.dpop));
    });
    await demandRefusal(400, 'invalid_grant', () => refresh(token, key.dpop));
    const seen = await introspect(settings, as, next.access_token);
    expect(!seen.active, 'a token of a family whose refresh token was stolen is active');
  });
}

/** Whom a bound token was sent to gets another one for its own key, and none without a key. */
async function exchanged(settings: Settings, as: oauth.AuthorizationServer, token: string): Promise<void> {
  const own = await newKey();
  const more = { subject_token: token, resource: settings.resourceUrl, scope: settings.scopes[0] ?? '' };
  await demandRefusal(400, 'invalid_dpop_proof', () => exchange(settings, as, more));
  const { result, cameAgain } = await withNonce(() => exchange(settings, as, more, own.dpop));
  expect(cameAgain, 'the first proof had no nonce, and was taken');
  const claims = await demandBound(settings, as, result, own);
  const actor = claims['act'] as { sub?: string } | undefined;
  expect(actor?.sub === settings.runtimeClient.id, `act is ${JSON.stringify(actor)}`);
}
