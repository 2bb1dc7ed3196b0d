// One stock MCP client: the official SDK's Client and streamable HTTP transport, nothing patched.

import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { InMemoryProvider } from './provider.js';
import { expect } from './report.js';
import type { Settings } from './settings.js';
import type { Wire } from './wire.js';

export const CLIENT_NAME = 'Journey in TypeScript';

export interface ToolAnswer {
  refused: boolean;
  text: string;
}

export class McpSession {
  private readonly client = new Client({ name: 'journey-typescript', version: '1.0.0' });
  private transport: StreamableHTTPClientTransport;

  constructor(
    private readonly settings: Settings,
    private readonly provider: InMemoryProvider,
    private readonly wire: Wire,
  ) {
    this.transport = this.newTransport();
  }

  private newTransport(): StreamableHTTPClientTransport {
    return new StreamableHTTPClientTransport(new URL(this.settings.resourceUrl), {
      authProvider: this.provider,
      fetch: this.wire.fetch,
    });
  }

  /** Connects without a token; the SDK discovers, registers, and leaves an authorization URL behind. */
  async connectUnauthorized(): Promise<URL> {
    try {
      await this.open();
    } catch (refusal) {
      if (!(refusal instanceof UnauthorizedError)) throw refusal;
      const { authorizeUrl } = this.provider;
      expect(authorizeUrl !== undefined, 'the SDK produced no authorization URL');
      return authorizeUrl;
    }
    throw new Error('the MCP server let a client in that had no token');
  }

  /** Redeems the code through the SDK, then connects for good. */
  async finish(code: string): Promise<void> {
    await this.transport.finishAuth(code);
    this.transport = this.newTransport();
    await this.open();
  }

  private open(): Promise<void> {
    return this.client.connect(this.transport);
  }

  async toolNames(): Promise<string[]> {
    const { tools } = await this.client.listTools();
    return tools.map((tool) => tool.name).sort();
  }

  async call(name: string, args: Record<string, unknown> = {}): Promise<ToolAnswer> {
    const result = await this.client.callTool({ name, arguments: args });
    const content = result.content as { type: string; text?: string }[];
    return { refused: result.isError === true, text: content.map((part) => part.text ?? '').join('') };
  }

  async close(): Promise<void> {
    await this.client.close();
  }
}

/** Asks the MCP server directly with a bare token, to see what it makes of it. */
export async function knock(settings: Settings, accessToken: string): Promise<number> {
  const response = await fetch(settings.resourceUrl, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${accessToken}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: {
        protocolVersion: '2025-06-18',
        capabilities: {},
        clientInfo: { name: 'knock', version: '1' },
      },
    }),
  });
  await response.body?.cancel();
  return response.status;
}
