// oauth4webapi, the strictest OAuth client there is for JavaScript, in its strictest mode: it checks every
// media type, member and claim, and has no switch for servers that are nearly right. The one thing allowed
// is http, because everything here is on loopback.

import * as oauth from 'oauth4webapi';
import { expect, journey, step } from '../typescript/report.js';
import { type Settings, settingsFrom } from '../typescript/settings.js';
import { bound } from './dpop.js';
import { newKey, type Registered, signIn } from './signin.js';
import { demandRefusal, exchange, INSECURE, introspect, readAccessToken } from './wire.js';

type Server = oauth.AuthorizationServer;

async function story(settings: Settings): Promise<void> {
  const as = await step('discover', settings.stepTimeoutMs, () => discover(settings));
  if (settings.scenario === 'dpop') {
    await bound(settings, as);
    return;
  }
  for (const method of ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'] as const) {
    await live(settings, as, method);
  }
  await machine(settings, as);
}

/** RFC 8414 and OpenID Connect Discovery: the issuer in the document has to be the one that was asked. */
async function discover(settings: Settings): Promise<Server> {
  const issuer = new URL(settings.issuer);
  const documents: Server[] = [];
  for (const algorithm of ['oauth2', 'oidc'] as const) {
    const response = await oauth.discoveryRequest(issuer, { algorithm, ...INSECURE });
    documents.push(await oauth.processDiscoveryResponse(issuer, response));
  }
  const [as, openid] = documents;
  expect(as !== undefined && openid !== undefined, 'a document is missing');
  expect(as.token_endpoint === openid.token_endpoint, 'the documents name different token endpoints');
  expect(as.authorization_response_iss_parameter_supported === true, 'iss is not promised');
  const resource = new URL(settings.resourceUrl);
  const response = await oauth.resourceDiscoveryRequest(resource, INSECURE);
  const document = await oauth.processResourceDiscoveryResponse(resource, response);
  expect(document.authorization_servers?.includes(as.issuer) === true, 'the resource names another server');
  return as;
}

/** A client's life, from its registration to its revocation. */
async function live(settings: Settings, as: Server, method: Registered['method']): Promise<void> {
  const { client, auth, tokens } = await signIn(settings, as, method);
  await step(`${method}: access token`, settings.stepTimeoutMs, async (facts) => {
    const claims = await readAccessToken(as, settings, tokens.access_token);
    expect(claims.client_id === client.client_id, `client_id is ${claims.client_id}`);
    facts['claims'] = Object.keys(claims);
  });
  const refreshed = await step(`${method}: refresh`, settings.stepTimeoutMs, async () => {
    const token = tokens.refresh_token ?? '';
    const response = await oauth.refreshTokenGrantRequest(as, client, auth, token, INSECURE);
    const next = await oauth.processRefreshTokenResponse(as, client, response);
    expect(!!next.refresh_token && next.refresh_token !== token, 'the refresh token did not rotate');
    expect(next.scope === tokens.scope, `scope became ${next.scope}`);
    await readAccessToken(as, settings, next.access_token);
    return next;
  });
  await step(`${method}: introspect`, settings.stepTimeoutMs, async () => {
    const seen = await introspect(settings, as, refreshed.access_token);
    expect(seen.active, 'the token is not active');
    expect(seen.client_id === client.client_id, `client_id is ${seen.client_id}`);
  });
  if (method === 'private_key_jwt') {
    await step(`${method}: another key`, settings.stepTimeoutMs, async () => {
      const other = await newKey();
      const token = refreshed.refresh_token ?? '';
      await demandRefusal(401, 'basic', async () => {
        const response = await oauth.refreshTokenGrantRequest(as, client, other.auth, token, INSECURE);
        await oauth.processRefreshTokenResponse(as, client, response);
      });
    });
  }
  await step(`${method}: revoke`, settings.stepTimeoutMs, async () => {
    const token = refreshed.refresh_token ?? '';
    for (const hint of ['refresh_token', 'nonsense']) {
      const additionalParameters = { token_type_hint: hint };
      const options = { additionalParameters, ...INSECURE };
      const response = await oauth.revocationRequest(as, client, auth, token, options);
      await oauth.processRevocationResponse(response);
    }
    const seen = await introspect(settings, as, refreshed.access_token);
    expect(!seen.active, 'a token of a revoked family is active');
    await demandRefusal(400, 'invalid_grant', async () => {
      const response = await oauth.refreshTokenGrantRequest(as, client, auth, token, INSECURE);
      await oauth.processRefreshTokenResponse(as, client, response);
    });
  });
}

/** A client that acts for itself. */
async function machine(settings: Settings, as: Server): Promise<void> {
  const { id, secret } = settings.runtimeClient;
  const client: oauth.Client = { client_id: id };
  const parameters = { scope: settings.scopes[0] ?? '', resource: settings.resourceUrl };
  const ask = async (auth: oauth.ClientAuth): Promise<oauth.TokenEndpointResponse> => {
    const response = await oauth.clientCredentialsGrantRequest(as, client, auth, parameters, INSECURE);
    return oauth.processClientCredentialsResponse(as, client, response);
  };
  await step('client_credentials', settings.stepTimeoutMs, async () => {
    const tokens = await ask(oauth.ClientSecretBasic(secret));
    expect(tokens.refresh_token === undefined, 'a machine got a refresh token');
    const claims = await readAccessToken(as, settings, tokens.access_token);
    expect(claims.sub === id, `sub is ${claims.sub}`);
  });
  await step('token_exchange', settings.stepTimeoutMs, async () => {
    const { access_token: own } = await ask(oauth.ClientSecretBasic(secret));
    const tokens = await exchange(settings, as, { subject_token: own, resource: settings.resourceUrl });
    expect(tokens.token_type === 'bearer', `token_type is ${tokens.token_type}`);
    const claims = await readAccessToken(as, settings, tokens.access_token);
    expect(claims.sub === id && claims['act'] === undefined, 'a client that exchanges its own acts for nobody');
    const nowhere = { subject_token: own, resource: 'https://nowhere.example/mcp' };
    await demandRefusal(400, 'invalid_target', () => exchange(settings, as, nowhere));
    const wider = { subject_token: own, resource: settings.resourceUrl, scope: settings.scopes.join(' ') };
    await demandRefusal(400, 'invalid_scope', () => exchange(settings, as, wider));
    const junk = { subject_token: `${own}x`, resource: settings.resourceUrl };
    await demandRefusal(400, 'invalid_grant', () => exchange(settings, as, junk));
  });
  await step('client_credentials_refused', settings.stepTimeoutMs, async () => {
    for (const auth of [oauth.ClientSecretBasic('wrong'), oauth.ClientSecretPost('wrong')]) {
      await demandRefusal(401, 'basic', () => ask(auth));
    }
  });
}

let settings: Settings;
try {
  settings = settingsFrom(process.env);
} catch (failure) {
  process.stderr.write(`${failure instanceof Error ? failure.message : failure}\n`);
  process.exit(2);
}
await journey(`oauth4webapi/${settings.scenario}`, settings.journeyTimeoutMs, () => story(settings));
