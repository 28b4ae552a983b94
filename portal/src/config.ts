/** What Terraform tells the portal: `/config.json`, written next to the files of the build. */
export interface Config {
  /** Where the API is; empty: at the portal's own origin. */
  api_url: string;
  cognito_endpoint: string;
  region: string;
  user_pool_id: string;
  client_id: string;
  /** Prefix of the mesh's names. */
  prefix: string;
}

const FIELDS = ["api_url", "cognito_endpoint", "region", "user_pool_id", "client_id", "prefix"] as const;

/** Fetch the configuration. Throws an Error that names what is missing. */
export async function loadConfig(): Promise<Config> {
  const response = await fetch("/config.json", { cache: "no-cache" });
  if (!response.ok) throw new Error(`/config.json: expected 200, got ${response.status}`);
  let body: unknown;
  try {
    body = await response.json();
  } catch {
    throw new Error("/config.json: expected JSON; the portal was deployed without its configuration");
  }
  return checkConfig(body);
}

/** Check the shape of a configuration. Throws an Error that names the field. */
export function checkConfig(body: unknown): Config {
  if (typeof body !== "object" || body === null) throw new Error("/config.json: expected an object");
  for (const field of FIELDS) {
    const value = (body as Record<string, unknown>)[field];
    if (typeof value !== "string") throw new Error(`/config.json: ${field}: expected text, got ${typeof value}`);
    if (value === "" && field !== "api_url") throw new Error(`/config.json: ${field}: expected text, got nothing`);
  }
  return body as Config;
}
