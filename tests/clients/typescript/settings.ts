// Everything a journey needs to know, read once from the environment.

export const SCENARIOS = ['full', 'untick', 'deny', 'replay', 'portless', 'dpop'] as const;
export type Scenario = (typeof SCENARIOS)[number];

export interface Settings {
  issuer: string;
  resourceUrl: string;
  user: { email: string; password: string };
  runtimeClient: { id: string; secret: string };
  scenario: Scenario;
  scopes: string[];
  /** The MCP server asks the authorization server about every token, so revocation shows at once. */
  serverIntrospects: boolean;
  stepTimeoutMs: number;
  journeyTimeoutMs: number;
  artifacts: string | undefined;
}

export function settingsFrom(environment: NodeJS.ProcessEnv): Settings {
  const missing: string[] = [];
  const required = (name: string): string => {
    const value = environment[name];
    if (!value) missing.push(name);
    return value ?? '';
  };
  const seconds = (name: string, fallback: number): number => Number(environment[name] ?? fallback) * 1000;
  const scenario = (environment['SCENARIO'] ?? 'full') as Scenario;
  const settings: Settings = {
    issuer: required('ISSUER'),
    resourceUrl: required('RESOURCE_URL'),
    user: { email: required('USER_EMAIL'), password: required('USER_PASSWORD') },
    runtimeClient: {
      id: required('INTROSPECTION_CLIENT_ID'),
      secret: required('INTROSPECTION_CLIENT_SECRET'),
    },
    scenario,
    scopes: (environment['SCOPES'] ?? 'tools:read tools:write').split(' '),
    serverIntrospects: environment['SERVER_INTROSPECTS'] === '1',
    stepTimeoutMs: seconds('STEP_TIMEOUT_SECONDS', 60),
    journeyTimeoutMs: seconds('JOURNEY_TIMEOUT_SECONDS', 300),
    artifacts: environment['ARTIFACTS_DIR'],
  };
  if (missing.length > 0) throw new Error(`missing in the environment: ${missing.join(', ')}`);
  if (!SCENARIOS.includes(scenario)) throw new Error(`SCENARIO is one of ${SCENARIOS.join(', ')}`);
  return settings;
}
