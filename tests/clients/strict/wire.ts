// What the strict client needs for every request, and how it reads tokens and refusals.

import * as oauth from 'oauth4webapi';
import { expect } from '../typescript/report.js';
import type { Settings } from '../typescript/settings.js';

export const INSECURE = { [oauth.allowInsecureRequests]: true };

/** RFC 9068, with the keys the server publishes and not a second of tolerance. */
export function readAccessToken(
  as: oauth.AuthorizationServer,
  settings: Settings,
  token: string,
): Promise<oauth.JWTAccessTokenClaims> {
  const headers = { authorization: `Bearer ${token}` };
  const request = new Request(settings.resourceUrl, { headers });
  return oauth.validateJwtAccessToken(as, request, settings.resourceUrl, {
    signingAlgorithms: ['ES256'],
    [oauth.clockTolerance]: 0,
    ...INSECURE,
  });
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
