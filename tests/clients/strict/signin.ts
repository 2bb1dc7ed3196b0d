// Registration, the browser, and the code, each answer judged by the strict client.

import * as oauth from 'oauth4webapi';
import { visitAuthorizePage } from '../browser/visit.js';
import { listenOnLoopback } from '../typescript/loopback.js';
import { expect, step } from '../typescript/report.js';
import type { Settings } from '../typescript/settings.js';
import { INSECURE, withNonce } from './wire.js';

const CLIENT_NAME = 'A strict client';

export interface Registered {
  method: 'none' | 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt';
  client: oauth.Client;
  auth: oauth.ClientAuth;
}

export interface SignedIn extends Registered {
  tokens: oauth.TokenEndpointResponse;
}

export async function signIn(
  settings: Settings,
  as: oauth.AuthorizationServer,
  method: Registered['method'],
  dpop?: oauth.DPoPHandle,
): Promise<SignedIn> {
  const limit = settings.stepTimeoutMs;
  const loopback = await listenOnLoopback();
  const redirectUri = `http://127.0.0.1:${loopback.port}/callback`;
  try {
    const registered = await step(`${method}: register`, limit, () => register(as, method, redirectUri));
    const request = await authorizationRequest(settings, as, registered.client, redirectUri, dpop);
    await step(`${method}: browser`, limit * 2, async () => {
      await visitAuthorizePage({
        authorize_url: request.url.href,
        ...settings.user,
        decision: 'approve',
        client_name: CLIENT_NAME,
        scopes: settings.scopes,
        timeout_ms: limit,
      });
    });
    const tokens = await step(`${method}: code`, limit, async () => {
      const answer = await loopback.answer;
      return redeem(settings, as, registered, { answer, redirectUri, ...request }, dpop);
    });
    return { ...registered, tokens };
  } finally {
    loopback.close();
  }
}

async function register(
  as: oauth.AuthorizationServer,
  method: Registered['method'],
  redirectUri: string,
): Promise<Registered> {
  const key = method === 'private_key_jwt' ? await newKey() : undefined;
  const metadata = {
    client_name: CLIENT_NAME,
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: method,
    application_type: 'native',
    ...(key && { jwks: { keys: [key.jwk] } }),
  };
  const response = await oauth.dynamicClientRegistrationRequest(as, metadata, INSECURE);
  const client = await oauth.processDynamicClientRegistrationResponse(response);
  expect(client['token_endpoint_auth_method'] === method, 'registered with another method');
  const said = client['client_secret'];
  const secret = typeof said === 'string' ? said : '';
  const withoutSecret = method === 'none' || method === 'private_key_jwt';
  expect((secret === '') === withoutSecret, 'a secret where none belongs, or none');
  const auth = {
    // RFC 7523, OpenID Connect Core §9: the assertion is for the issuer.
    private_key_jwt: () => key?.auth ?? oauth.None(),
    none: () => oauth.None(),
    client_secret_basic: () => oauth.ClientSecretBasic(secret),
    client_secret_post: () => oauth.ClientSecretPost(secret),
  }[method]();
  return { method, client, auth };
}

/** A key that only this client has: how it authenticates with it, and what it registers. */
export async function newKey(): Promise<{ auth: oauth.ClientAuth; jwk: Record<string, string> }> {
  const pair = await oauth.generateKeyPair('ES256');
  const kid = crypto.randomUUID();
  const { x = '', y = '' } = await crypto.subtle.exportKey('jwk', pair.publicKey);
  const published = { kty: 'EC', crv: 'P-256', x, y, kid, use: 'sig', alg: 'ES256' };
  return { auth: oauth.PrivateKeyJwt({ key: pair.privateKey, kid }), jwk: published };
}

interface Asked {
  url: URL;
  state: string;
  verifier: string;
}

async function authorizationRequest(
  settings: Settings,
  as: oauth.AuthorizationServer,
  client: oauth.Client,
  redirectUri: string,
  dpop?: oauth.DPoPHandle,
): Promise<Asked> {
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const url = new URL(as.authorization_endpoint ?? '');
  url.search = new URLSearchParams({
    client_id: client.client_id,
    redirect_uri: redirectUri,
    response_type: 'code',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    scope: settings.scopes.join(' '),
    resource: settings.resourceUrl,
    state,
    ...(dpop && { dpop_jkt: await dpop.calculateThumbprint() }),
  }).toString();
  return { url, state, verifier };
}

/** RFC 9207 and RFC 6749 §4.1.4. */
async function redeem(
  settings: Settings,
  as: oauth.AuthorizationServer,
  { client, auth }: Registered,
  asked: Asked & { answer: URLSearchParams; redirectUri: string },
  dpop?: oauth.DPoPHandle,
): Promise<oauth.TokenEndpointResponse> {
  const { answer, redirectUri, state, verifier } = asked;
  const parameters = oauth.validateAuthResponse(as, client, answer, state);
  const mixedUp = new URLSearchParams(answer);
  mixedUp.set('iss', 'https://another.example');
  let noticed = false;
  try {
    oauth.validateAuthResponse(as, client, mixedUp, state);
  } catch {
    noticed = true;
  }
  expect(noticed, 'the client would take an answer of another issuer');
  const additionalParameters = { resource: settings.resourceUrl };
  const options = { additionalParameters, ...(dpop && { DPoP: dpop }), ...INSECURE };
  const { result: tokens, cameAgain } = await withNonce(async () => {
    const response = await oauth.authorizationCodeGrantRequest(
      as,
      client,
      auth,
      parameters,
      redirectUri,
      verifier,
      options,
    );
    return oauth.processAuthorizationCodeResponse(as, client, response);
  });
  expect(cameAgain === (dpop !== undefined), 'a nonce is asked for with the first proof, and then only');
  const type = dpop ? 'dpop' : 'bearer';
  expect(tokens.token_type === type, `token_type is ${tokens.token_type}`);
  expect(Number.isInteger(tokens.expires_in), 'expires_in is no integer');
  expect(!!tokens.refresh_token, 'there is no refresh token');
  expect(tokens.scope === settings.scopes.join(' '), `scope is ${tokens.scope}`);
  return tokens;
}
