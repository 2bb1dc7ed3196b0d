// What the strict client needs for every request, and how it reads tokens and refusals.

import * as oauth from 'oauth4webapi';
import { expect } from '../typescript/report.js';
import type { Settings } from '../typescript/settings.js';

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
export const INSECURE = { [oauth.allowInsecureRequests]: true };

/** RFC 9068, with the keys the server publishes and not a second of tolerance; with `dpop` RFC 9449 as well. */
export async function readAccessToken(
  as: oauth.AuthorizationServer,
  settings: Settings,
  token: string,
  dpop?: oauth.DPoPHandle,
): Promise<oauth.JWTAccessTokenClaims> {
  const request = await asSent(settings, token, dpop);
  return oauth.validateJwtAccessToken(as, request, settings.resourceUrl, {
    signingAlgorithms: ['ES256'],
    [oauth.clockTolerance]: 0,
    ...INSECURE,
  });
}

/** The request a resource server would see. */
async function asSent(settings: Settings, token: string, dpop?: oauth.DPoPHandle): Promise<Request> {
  let request: Request | undefined;
  const options = {
    ...(dpop && { DPoP: dpop }),
    [oauth.customFetch]: (url: string, { headers }: { headers: Record<string, string> }): Promise<Response> => {
      request = new Request(url, { headers });
      return Promise.resolve(new Response(null, { status: 204 }));
    },
    ...INSECURE,
  };
  const resource = new URL(settings.resourceUrl);
  await oauth.protectedResourceRequest(token, 'GET', resource, undefined, undefined, options);
  expect(request !== undefined, 'the library sent nothing');
  return request;
}

/**
 * What comes of a request with a proof. RFC 9449 §8: a client that has no nonce yet is told one and comes again,
 * which is all that may be wrong with the first attempt. Says whether it had to.
 */
export async function withNonce<T>(work: () => Promise<T>): Promise<{ result: T; cameAgain: boolean }> {
  try {
    return { result: await work(), cameAgain: false };
  } catch (failure) {
    if (!oauth.isDPoPNonceError(failure)) throw failure;
    return { result: await work(), cameAgain: true };
  }
}

/** What the resource server is told about a token. */
export async function introspect(
  settings: Settings,
  as: oauth.AuthorizationServer,
  token: string,
): Promise<oauth.IntrospectionResponse> {
  const { id, secret } = settings.runtimeClient;
  const guard: oauth.Client = { client_id: id };
  const auth = oauth.ClientSecretBasic(secret);
  const response = await oauth.introspectionRequest(as, guard, auth, token, INSECURE);
  return oauth.processIntrospectionResponse(as, guard, response);
}

/** RFC 8693: the resource server gets a token for another one. */
export async function exchange(
  settings: Settings,
  as: oauth.AuthorizationServer,
  more: Record<string, string>,
  dpop?: oauth.DPoPHandle,
): Promise<oauth.TokenEndpointResponse> {
  const { id, secret } = settings.runtimeClient;
  const client: oauth.Client = { client_id: id };
  const auth = oauth.ClientSecretBasic(secret);
  const parameters = { subject_token_type: ACCESS_TOKEN, ...more };
  const options = { ...(dpop && { DPoP: dpop }), ...INSECURE };
  const response = await oauth.genericTokenEndpointRequest(as, client, auth, EXCHANGE, parameters, options);
  const tokens = await oauth.processGenericTokenEndpointResponse(as, client, response);
  const type = JSON.stringify(tokens['issued_token_type']);
  expect(tokens['issued_token_type'] === ACCESS_TOKEN, `issued_token_type is ${type}`);
  expect(tokens.refresh_token === undefined, 'an exchange gave a refresh token');
  return tokens;
}

/** The library has to understand the refusal: `error` of the body, or the scheme of the challenge. */
export async function demandRefusal(
  status: number,
  reason: string,
  work: () => Promise<unknown>,
): Promise<void> {
  try {
    await work();
  } catch (failure) {
    const understood =
      failure instanceof oauth.ResponseBodyError
        ? failure.error
        : failure instanceof oauth.WWWAuthenticateChallengeError
          ? failure.cause.map((challenge) => challenge.scheme).join()
          : undefined;
    if (understood === undefined) throw failure;
    const { status: got } = failure as { status: number };
    expect(got === status && understood === reason, `refused with ${got} ${understood}`);
    return;
  }
  expect(false, `it was not refused with ${reason}`);
}
