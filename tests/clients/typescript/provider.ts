// An OAuthClientProvider as an application would write one: everything in memory, the browser elsewhere.

import { randomBytes } from 'node:crypto';
import type { OAuthClientProvider } from '@modelcontextprotocol/sdk/client/auth.js';
import type {
  OAuthClientInformationMixed,
  OAuthClientMetadata,
  OAuthTokens,
} from '@modelcontextprotocol/sdk/shared/auth.js';
import { expect } from './report.js';

export class InMemoryProvider implements OAuthClientProvider {
  readonly expectedState = randomBytes(24).toString('base64url');
  authorizeUrl: URL | undefined;
  private client: OAuthClientInformationMixed | undefined;
  private held: OAuthTokens | undefined;
  private verifier = '';

  constructor(
    readonly redirectUrl: string,
    readonly clientMetadata: OAuthClientMetadata,
  ) {}

  state = (): string => this.expectedState;
  clientInformation = (): OAuthClientInformationMixed | undefined => this.client;
  tokens = (): OAuthTokens | undefined => this.held;
  codeVerifier = (): string => this.verifier;

  saveClientInformation(client: OAuthClientInformationMixed): void {
    this.client = client;
  }

  saveTokens(tokens: OAuthTokens): void {
    this.held = tokens;
  }

  saveCodeVerifier(verifier: string): void {
    this.verifier = verifier;
  }

  redirectToAuthorization(url: URL): void {
    this.authorizeUrl = url;
  }

  /** The registered client, once there is one. */
  get registered(): OAuthClientInformationMixed {
    expect(this.client !== undefined, 'the SDK registered no client');
    return this.client;
  }

  /** The current tokens, which have to include a refresh token. */
  get current(): OAuthTokens & { refresh_token: string } {
    const { held } = this;
    expect(held?.refresh_token !== undefined, 'the client holds no refresh token');
    return { ...held, refresh_token: held.refresh_token };
  }

  /** Makes the next call meet a 401, so that the SDK has to refresh by itself. */
  spoilAccessToken(): void {
    this.held = { ...this.current, access_token: 'no-longer-good' };
  }
}
