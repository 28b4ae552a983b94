/** What a decision would change, column by column, and refusals of decisions in words. */
import type { ApiProblem } from "@/api/problem";
import type { ApprovalDetail, ExposedTable } from "@/api/types";

export interface ColumnRow {
  name: string;
  /** Shown anew, read already anyway, or staying hidden. */
  change: "new" | "already" | "hidden";
  sensitive: boolean;
}

/** The columns of a table as the decision would leave them: new ones first, the sensitive ones before the others. */
export function columnsOf({ columns, sensitive, hidden, already }: ExposedTable): ColumnRow[] {
  const marked = new Set(sensitive ?? []);
  const read = new Set(already ?? []);
  const shown = (columns ?? []).map((name): ColumnRow => ({
    name,
    change: read.has(name) ? "already" : "new",
    sensitive: marked.has(name),
  }));
  const rest = (hidden ?? []).map((name): ColumnRow => ({ name, change: "hidden", sensitive: false }));
  const place = ({ change, sensitive: isSensitive }: ColumnRow) =>
    ["new", "already", "hidden"].indexOf(change) * 2 + (isSensitive ? 0 : 1);
  return [...shown, ...rest].sort((a, b) => place(a) - place(b));
}

/** Columns that would be shown, and that the table's list was too long to name. */
export function unnamedOf({ columns, column_count }: ExposedTable): number {
  return Math.max(0, column_count - (columns ?? []).length);
}

export interface Sum {
  tables: number;
  shown: number;
  fresh: number;
  sensitive: number;
}

export function sumOf(exposed: readonly ExposedTable[]): Sum {
  return {
    tables: exposed.length,
    shown: exposed.reduce((sum, { column_count }) => sum + column_count, 0),
    fresh: exposed.reduce((sum, { column_count, already }) => sum + column_count - (already ?? []).length, 0),
    sensitive: exposed.reduce((sum, { sensitive }) => sum + (sensitive ?? []).length, 0),
  };
}

export type Decision = "APPROVE" | "DENY";

export function problemOfComment(decision: Decision, comment: string): string | null {
  if (decision === "DENY" && comment.trim() === "") return "Say why you deny it: whoever asked is told.";
  return comment.length > MAX_COMMENT ? `At most ${MAX_COMMENT} characters; these are ${comment.length}.` : null;
}
export const MAX_COMMENT = 2_048;

export interface Refusal {
  header: string;
  text: string;
  /** Whether it stands otherwise now: the page has to be read again. */
  moved: boolean;
}

/** Why a decision did not count. null: it is for a field, or a problem like any other. */
export function refusalOf({ status, code, detail }: ApiProblem): Refusal | null {
  switch (code) {
    case "AlreadyVoted":
      return { header: "You have decided before", text: detail, moved: true };
    case "RequestChanged":
      return {
        header: "The request has changed",
        text: `${detail} Nothing was decided. Look at what it would show now.`,
        moved: true,
      };
    case "StageClosed":
      return { header: "It is decided already", text: detail, moved: true };
    case "StageOverdue":
      return { header: "The time to decide is over", text: detail, moved: true };
    case "NotEligible":
      return { header: "You may not decide on this", text: detail, moved: true };
  }
  if (status === 409) return { header: "It has changed in the meantime", text: detail, moved: true };
  if (status === 410) return { header: "The time to decide is over", text: detail, moved: true };
  return null;
}

/** What a stage has come to after the person's vote, in words. */
export function afterVote(decision: Decision, status: ApprovalDetail["status"]): string {
  if (decision === "DENY") return "You denied it. Whoever asked is told why.";
  if (status === "OPEN") return "You approved it. Others of this stage have to agree as well.";
  return "You approved it. With that this stage is approved.";
}

/** Why a link of a mail leads nowhere for the person who is signed in. */
export function linkRefusal({ status, detail }: ApiProblem): { header: string; text: string; another: boolean } | null {
  switch (status) {
    case 403:
      return {
        header: "This link was sent to somebody else",
        text: "An approval link is for the person alone who got the mail. Sign in with the address that it was sent to.",
        another: true,
      };
    case 404:
    case 400:
      return {
        header: "There is no such link",
        text: "It may have been cut in the mail: copy it whole. What waits for you is listed under Approvals, with or without a link.",
        another: false,
      };
    case 409:
    case 410:
      return { header: "The time of this link is over", text: `${detail}. Nothing was granted by it.`, another: false };
    default:
      return null;
  }
}
