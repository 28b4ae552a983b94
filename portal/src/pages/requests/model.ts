/** Lists of several domains as one, and what may be said of a request. */
import type { RequestDetail, RequestSummary } from "@/api/types";

export type Status = RequestSummary["status"];

/** What a person looks for, and which states that are. */
export const GROUPS = {
  waiting: { label: "Waiting for approval", of: ["PENDING"] },
  granting: { label: "Being granted", of: ["APPROVED", "GRANTED"] },
  ready: { label: "Ready to query", of: ["PROVISIONED"] },
  refused: { label: "Denied or rejected", of: ["DENIED", "REJECTED"] },
  ended: { label: "Ended", of: ["EXPIRED", "CANCELLED", "REVOKING", "REVOKED"] },
  failed: { label: "Failed", of: ["FAILED"] },
} as const satisfies Record<string, { label: string; of: readonly Status[] }>;

export function inGroup(status: Status, group: string): boolean {
  if (!Object.hasOwn(GROUPS, group)) return true;
  const states: readonly Status[] = GROUPS[group as keyof typeof GROUPS].of;
  return states.includes(status);
}

/** The part of a domain's list that was read: the newest ones, and whether there are older ones. */
export interface Part {
  items: readonly RequestSummary[];
  more: boolean;
}

const timeOf = ({ requested_at }: RequestSummary) => requested_at ?? "";

/**
 * Merge the lists of several domains, the newest first. Nothing is shown that is older than what was not read yet of
 * another domain: reading on only ever adds at the end.
 */
export function merged(parts: readonly Part[]): RequestSummary[] {
  const horizons = parts.filter(({ more }) => more).map(({ items }) => timeOf(items.at(-1) ?? ({} as RequestSummary)));
  const horizon = horizons.sort().at(-1) ?? "";
  return parts
    .flatMap(({ items }) => items)
    .filter((item) => timeOf(item) >= horizon)
    .sort((a, b) => timeOf(b).localeCompare(timeOf(a)));
}

/** What a request waits for, in words; null when it waits for nothing. */
export function waitsFor({ status, waiting_for, sort }: RequestSummary): string | null {
  switch (status) {
    case "PENDING":
      return waiting_for == null ? "People have to agree." : `Stage “${waiting_for}” has to agree.`;
    case "APPROVED":
      return "The mesh grants it.";
    case "GRANTED":
      return sort === "access" ? "The own account links it to its catalog." : null;
    case "REVOKING":
      return "The own account gives back what it passed on; then it is revoked.";
    default:
      return null;
  }
}

export const SORTS: Record<RequestSummary["sort"], string> = {
  access: "Access",
  extension: "Extension of access",
  widening: "Widening of access",
};

/** Whether its data can be read now. */
export function isReady({ status, sort }: RequestDetail): boolean {
  return status === "PROVISIONED" && sort === "access";
}

export interface AskedTableRow {
  table: string;
  columns: readonly string[] | null;
  rows: string | null;
}

/** What was asked for, table by table; empty means all tables of the product. null columns means all columns. */
export function askedTables({ tables, columns, rows }: Pick<RequestDetail, "tables" | "columns" | "rows">) {
  const names = [...new Set([...tables, ...Object.keys(columns ?? {}), ...Object.keys(rows ?? {})])];
  return names.map((table): AskedTableRow => ({
    table,
    columns: columns?.[table] ?? null,
    rows: rows?.[table] ?? null,
  }));
}

export const MAX_REASON = 2_048;
export const MAX_DAYS = 3_650;

export function problemOfReason(reason: string): string | null {
  const length = reason.trim().length;
  if (length === 0) return "Say why.";
  return length > MAX_REASON ? `At most ${MAX_REASON} characters; these are ${length}.` : null;
}

export function problemOfDays(days: string): string | null {
  const fits = /^\d+$/.test(days.trim()) && Number(days) >= 1 && Number(days) <= MAX_DAYS;
  return fits ? null : `A whole number from 1 to ${MAX_DAYS}.`;
}
