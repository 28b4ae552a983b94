/** What can be said of a domain's registration before it is sent. The server checks it all again. */

const DOMAIN = /^[a-z][a-z0-9_]{0,29}$/;
const SECRET = /^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+$/;
const SUFFIX = /-[A-Za-z0-9]{6}$/;
const TAG = /^[a-z0-9_][a-z0-9_.:/+@-]{0,49}$/;

export interface TagRow {
  key: string;
  value: string;
}

export interface DomainForm {
  domain: string;
  secretArn: string;
  tags: readonly TagRow[];
}

export type DomainProblems = Partial<Record<"domain" | "secretArn" | "tags", string>>;

export function problemsOf({ domain, secretArn, tags }: DomainForm): DomainProblems {
  const problems: DomainProblems = {};
  if (domain === "") problems.domain = "Name the domain.";
  else if (!DOMAIN.test(domain)) {
    problems.domain = "Expected up to 30 lower case letters, digits and underscores, a letter first.";
  } else if (/_(nrac|tbac)$/.test(domain)) {
    problems.domain = "A name must not end in _nrac or _tbac: the databases of other domains do.";
  }
  const arn = secretArn.trim();
  if (arn === "") problems.secretArn = "Enter the ARN of the config secret.";
  else if (!SECRET.test(arn)) {
    problems.secretArn = "Expected arn:aws:secretsmanager:<region>:<account>:secret:<name>-<suffix>.";
  } else if (!SUFFIX.test(arn)) {
    problems.secretArn = "Expected the full ARN, which ends in a hyphen and six characters.";
  }
  const tagProblem = problemOfTags(tags);
  if (tagProblem !== null) problems.tags = tagProblem;
  return problems;
}

export function problemOfTags(tags: readonly TagRow[]): string | null {
  const keys = tags.map(({ key }) => key);
  const strange = tags.find(({ key, value }) => !TAG.test(key) || !TAG.test(value));
  if (strange !== undefined) {
    return `${strange.key || "(no key)"}=${strange.value || "(no value)"}: expected lower case letters, digits and _.:/+@-, at most 50.`;
  }
  const twice = keys.find((key, place) => keys.indexOf(key) !== place);
  return twice === undefined ? null : `${twice} is there twice.`;
}

export function tagsOf(rows: readonly TagRow[]): Record<string, string> {
  return Object.fromEntries(rows.map(({ key, value }) => [key, value]));
}

/** The account that a secret's ARN names: the domain's. */
export function accountOf(arn: string): string | null {
  return /^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:([0-9]{12}):/.exec(arn.trim())?.[1] ?? null;
}

/** To which field of the form a path of the API's belongs. */
export function fieldOf(path: string | null): keyof DomainProblems | null {
  if (path === null) return null;
  if (/config_secret_arn|secret/.test(path)) return "secretArn";
  if (/(^|\.)tags/.test(path)) return "tags";
  return /(^|\.)domain$/.test(path) ? "domain" : null;
}
