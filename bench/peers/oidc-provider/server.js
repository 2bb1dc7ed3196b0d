// oidc-provider with what the measured paths need: ES256 access tokens for a resource,
// client_credentials, codes with PKCE, refresh tokens that rotate. Nobody signs in: codes
// are made by the provider's own API, `GET /codes/COUNT`.
//
// node server.js PORT

import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

const RESOURCE = 'https://mcp.example/mcp';
const REDIRECT = 'https://app.example/callback';
// PKCE (RFC 7636 appendix B).
const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';
const SCOPE = 'read offline_access';

// The adapter it comes with forgets all but the last thousand entries.
class Memory {
  static entries = new Map();

  constructor(model) {
    this.model = model;
  }

  key(id) {
    return `${this.model}:${id}`;
  }

  async upsert(id, payload) {
    Memory.entries.set(this.key(id), payload);
  }

  async find(id) {
    return Memory.entries.get(this.key(id));
  }

  async consume(id) {
    Memory.entries.get(this.key(id)).consumed = Math.floor(Date.now() / 1000);
  }

  async destroy(id) {
    Memory.entries.delete(this.key(id));
  }

  // Only what is misused is revoked by its grant, and nothing is here.
  async revokeByGrantId() {}
}

const port = Number(process.argv[2]);
const issuer = `http://127.0.0.1:${port}`;
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const provider = new Provider(issuer, {
  adapter: Memory,
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig' }] },
  clients: [
    {
      client_id: 'machine',
      client_secret: 'a-secret-as-long-as-the-real-ones-are-about-48-bytes',
      token_endpoint_auth_method: 'client_secret_post',
      id_token_signed_response_alg: 'ES256',
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
    },
    {
      client_id: 'app',
      token_endpoint_auth_method: 'none',
      id_token_signed_response_alg: 'ES256',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      redirect_uris: [REDIRECT],
    },
  ],
  scopes: ['read', 'offline_access'],
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  issueRefreshToken: () => true,
  rotateRefreshToken: true,
  ttl: { AuthorizationCode: 600, RefreshToken: 86400, Grant: 86400 },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => RESOURCE,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: 'read',
        audience: RESOURCE,
        accessTokenTTL: 3600,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
});

async function code() {
  const client = await provider.Client.find('app');
  const grant = new provider.Grant({ accountId: 'ada', clientId: 'app' });
  grant.addOIDCScope('offline_access');
  grant.addResourceScope(RESOURCE, 'read');
  const made = new provider.AuthorizationCode({
    accountId: 'ada',
    client,
    grantId: await grant.save(),
    redirectUri: REDIRECT,
    codeChallenge: CHALLENGE,
    codeChallengeMethod: 'S256',
    scope: SCOPE,
    resource: RESOURCE,
    authTime: Math.floor(Date.now() / 1000),
    expiresWithSession: false,
  });
  return made.save();
}

const oauth = provider.callback();
createServer(async (request, response) => {
  const [, count] = request.url.match(/^\/codes\/(\d+)$/) ?? [];
  if (count === undefined) {
    oauth(request, response);
    return;
  }
  const codes = [];
  while (codes.length < Number(count)) {
    codes.push(await code());
  }
  const body = codes.join('\n');
  response.writeHead(200, { 'content-length': Buffer.byteLength(body) }).end(body);
}).listen(port, '127.0.0.1');
