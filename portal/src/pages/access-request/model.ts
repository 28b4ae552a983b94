/** A request for access as it is typed: what is wrong with it, and the request that it makes. */
import type { AccessRequest } from "@/api/types";

export interface TagCondition {
  key: string;
  values: string[];
}

export interface TableChoice {
  chosen: boolean;
  /** null: all columns that the table has now. */
  columns: string[] | null;
  rows: string;
}

export interface RequestForm {
  consumer: string;
  by: "name" | "tags";
  product: { domain: string; name: string } | null;
  /** Whether tables are chosen; otherwise all that the product has now. */
  whole: boolean;
  tables: Record<string, TableChoice>;
  laterTables: boolean;
  expression: TagCondition[];
  principals: string[];
  purpose: string;
  days: string;
  justification: string;
}

/** Fields of the form to which a problem can belong. */
export type Field =
  | "consumer"
  | "product"
  | "tables"
  | `columns.${string}`
  | `rows.${string}`
  | "expression"
  | "principals"
  | "purpose"
  | "days"
  | "justification";
export type Problems = Partial<Record<Field, string>>;

const PRINCIPAL = /^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)\/[A-Za-z0-9_+=,.@/-]{1,576}$/;
const PURPOSE = /^[a-z0-9][a-z0-9 _-]{0,62}$/;
export const MAX_DAYS = 3_650;
const MAX_TEXT = 2_048;

export function emptyRequest(by: RequestForm["by"], product: RequestForm["product"], consumer: string): RequestForm {
  return {
    consumer,
    by,
    product,
    whole: true,
    tables: {},
    laterTables: false,
    expression: [],
    principals: [],
    purpose: "",
    days: "",
    justification: "",
  };
}

export const untouched: TableChoice = { chosen: false, columns: null, rows: "" };

/** Take ARNs out of what was typed or pasted: by line, comma or blank. What is there already stays once. */
export function withPrincipals(known: readonly string[], typed: string): string[] {
  const found = typed.split(/[\s,;]+/).filter((part) => part !== "");
  return [...new Set([...known, ...found])];
}

/** What is wrong with a request. `account` is the consumer's, if it is known. */
export function problemsOf(form: RequestForm, account: string | null): Problems {
  return {
    ...problemsOfScope(form, account),
    ...(form.justification.trim() === "" ? { justification: "Say what you need it for." } : {}),
  };
}

/** What keeps the policy from being asked: all but the justification, which it does not read. */
export function problemsOfScope(form: RequestForm, account: string | null): Problems {
  const problems: Problems = {};
  if (form.consumer === "") problems.consumer = "Choose the domain that asks.";
  if (form.by === "name") nameProblems(form, problems);
  else tagProblems(form, problems);
  const strange = form.principals.find((arn) => !PRINCIPAL.test(arn));
  const foreign = form.principals.find((arn) => account !== null && !arn.includes(`:iam::${account}:`));
  if (form.principals.length === 0) problems.principals = "Name at least one role or user who is to read.";
  else if (strange !== undefined)
    problems.principals = `${strange}: expected arn:aws:iam::<account>:role/<name> or …:user/<name>.`;
  else if (foreign !== undefined)
    problems.principals = `${foreign}: expected a role or user of account ${account ?? ""}.`;
  else if (form.principals.length > 50) problems.principals = "At most 50 principals can be named.";
  if (form.purpose !== "" && !PURPOSE.test(form.purpose)) {
    problems.purpose = "Expected lower case letters, digits, blanks, hyphens and underscores, at most 63.";
  }
  const days = Number(form.days);
  if (form.days.trim() !== "" && !(Number.isInteger(days) && days >= 1 && days <= MAX_DAYS)) {
    problems.days = `Expected a whole number of days from 1 to ${MAX_DAYS.toLocaleString("en-GB")}.`;
  }
  if (form.justification.length > MAX_TEXT) problems.justification = `At most ${MAX_TEXT} characters.`;
  return problems;
}

function nameProblems({ product, whole, tables }: RequestForm, problems: Problems) {
  if (product === null) {
    problems.product = "Choose a product.";
    return;
  }
  if (whole) return;
  const chosen = Object.entries(tables).filter(([, choice]) => choice.chosen);
  if (chosen.length === 0) problems.tables = "Choose at least one table.";
  for (const [name, { columns, rows }] of chosen) {
    if (columns?.length === 0) problems[`columns.${name}`] = "Choose at least one column, or all.";
    if (rows.length > MAX_TEXT) problems[`rows.${name}`] = `At most ${MAX_TEXT} characters.`;
  }
}

function tagProblems({ expression }: RequestForm, problems: Problems) {
  const keys = expression.map(({ key }) => key);
  const open = expression.find(({ key, values }) => key === "" || values.length === 0);
  const twice = keys.find((key, place) => keys.indexOf(key) !== place);
  if (expression.length === 0) problems.expression = "Add at least one LF-tag.";
  else if (open !== undefined)
    problems.expression = open.key === "" ? "Choose a key." : `Choose at least one value of ${open.key}.`;
  else if (twice !== undefined) problems.expression = `${twice} is there twice.`;
}

/** The request that a form without problems makes. */
export function requestOf(form: RequestForm): AccessRequest {
  const byName = form.by === "name";
  const chosen = Object.entries(form.tables)
    .filter(([, choice]) => choice.chosen)
    .sort(([a], [b]) => a.localeCompare(b));
  const narrowed = byName && !form.whole;
  return {
    domain: form.consumer,
    product: byName ? form.product : null,
    tables: narrowed ? chosen.map(([name]) => name) : null,
    columns: narrowed ? partsOf(chosen, ({ columns }) => columns) : {},
    rows: narrowed ? partsOf(chosen, ({ rows }) => (rows.trim() === "" ? null : rows.trim())) : {},
    later_tables: byName && form.whole && form.laterTables ? "included" : "excluded",
    expression: byName ? null : Object.fromEntries(form.expression.map(({ key, values }) => [key, values])),
    principals: form.principals,
    justification: form.justification.trim(),
    purpose: form.purpose.trim() === "" ? null : form.purpose.trim(),
    duration_days: form.days.trim() === "" ? null : Number(form.days),
  };
}

/** The same for asking the policy: it does not read the justification, which people write last. */
export function previewOf(form: RequestForm): AccessRequest {
  const request = requestOf(form);
  return request.justification === "" ? { ...request, justification: "(not written yet)" } : request;
}

function partsOf<T>(
  chosen: readonly [string, TableChoice][],
  part: (choice: TableChoice) => T | null,
): Record<string, T> {
  const parts: Record<string, T> = {};
  for (const [name, choice] of chosen) {
    const value = part(choice);
    if (value !== null) parts[name] = value;
  }
  return parts;
}

/** To which field of the form a path of the API's belongs, e.g. `rows.orders` or `principals[0]`. */
export function fieldOf(path: string | null | undefined): Field | null {
  if (path == null) return null;
  const [head = "", next] = path.replace(/^(body|data)\./, "").split(/[.[\]]+/);
  if ((head === "columns" || head === "rows") && next !== undefined && next !== "") return `${head}.${next}`;
  const direct: Record<string, Field> = {
    domain: "consumer",
    product: "product",
    tables: "tables",
    columns: "tables",
    rows: "tables",
    later_tables: "tables",
    expression: "expression",
    principals: "principals",
    purpose: "purpose",
    duration_days: "days",
    justification: "justification",
  };
  return direct[head] ?? null;
}
