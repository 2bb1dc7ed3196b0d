// A fetch that remembers what the SDK asked for: method, URL, status. Bodies and tokens are not kept,
// except the names of the grants, which tell a refresh from a code redemption.

export interface Exchange {
  method: string;
  url: string;
  status: number;
  grant: string | undefined;
}

export class Wire {
  readonly exchanges: Exchange[] = [];

  fetch = async (input: string | URL, init?: RequestInit): Promise<Response> => {
    const response = await fetch(input, init);
    const body = init?.body;
    const grant = body instanceof URLSearchParams ? (body.get('grant_type') ?? undefined) : undefined;
    this.exchanges.push({
      method: init?.method ?? 'GET',
      url: String(input),
      status: response.status,
      grant,
    });
    return response;
  };

  /** Exchanges since the last call, as "GET /path 200" lines. */
  drain(): string[] {
    return this.exchanges.splice(0).map((one) => {
      const grant = one.grant ? ` (${one.grant})` : '';
      return `${one.method} ${new URL(one.url).pathname} ${one.status}${grant}`;
    });
  }
}
