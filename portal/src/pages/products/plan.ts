/** What a plan says, put in order for whoever reads it before registering. */
import type { ManifestProblem, ProductPlan, SchemaChange } from "@/api/types";

export interface Verdict {
  /** Whether it can be registered at all. */
  possible: boolean;
  /** Whether consumers have to be accepted to be hit. */
  breaking: boolean;
  /** In one sentence. */
  says: string;
}

export function verdictOf(plan: ProductPlan): Verdict {
  const problems = plan.problems ?? [];
  const changes = plan.changes ?? [];
  const errors = problems.filter(({ severity }) => severity === "error").length;
  const breaking = changes.some((change) => change.breaking);
  if (errors > 0 || plan.product == null) {
    return {
      possible: false,
      breaking,
      says: `It cannot be registered: ${count(Math.max(errors, 1), "error")} to mend.`,
    };
  }
  const refused = changes.filter((change) => change.refused).length;
  if (refused > 0) {
    return { possible: false, breaking, says: `It would be refused: ${count(refused, "change")} that cannot be made.` };
  }
  if (changes.length === 0) {
    return { possible: true, breaking, says: plan.exists ? "It changes nothing." : "It is a new product." };
  }
  if (!plan.exists) return { possible: true, breaking, says: `It is a new product: ${plan.product.name}.` };
  const hit = new Set((plan.affected ?? []).map(({ consumer }) => consumer)).size;
  if (breaking) {
    const who = hit === 0 ? "nobody who has access now is hit" : `${count(hit, "consumer")} would be hit`;
    return { possible: true, breaking, says: `It changes ${plan.product.name} in a way that breaks: ${who}.` };
  }
  return { possible: true, breaking, says: `It makes ${count(changes.length, "change")} to ${plan.product.name}.` };
}

/** Errors first, then by place. */
export function inOrder(problems: readonly ManifestProblem[]): ManifestProblem[] {
  const weight = ({ severity, line, column }: ManifestProblem) =>
    (severity === "error" ? 0 : 1e12) + (line ?? 1e6) * 1e5 + (column ?? 0);
  return [...problems].sort((a, b) => weight(a) - weight(b));
}

/** What breaks first; then as the API has them. */
export function breakingFirst(changes: readonly SchemaChange[]): SchemaChange[] {
  const weight = ({ refused, breaking }: SchemaChange) => (refused ? 0 : breaking ? 1 : 2);
  return changes
    .map((change, place) => ({ change, place }))
    .sort((a, b) => weight(a.change) - weight(b.change) || a.place - b.place)
    .map(({ change }) => change);
}

export function placeOf({ line, column }: ManifestProblem): string {
  if (line == null) return "–";
  return column == null ? `line ${line}` : `line ${line}, column ${column}`;
}

/** Of what a change speaks: the product, a table or a column. */
export function subjectOfChange({ table, column }: SchemaChange): string {
  if (table == null) return "the product";
  return column == null ? table : `${table}.${column}`;
}

/** Where a line starts and ends in a text; lines count from 1. */
export function rangeOfLine(text: string, line: number): [number, number] {
  const lines = text.split("\n");
  const start = lines.slice(0, line - 1).reduce((sum, { length }) => sum + length + 1, 0);
  return [Math.min(start, text.length), Math.min(start + (lines[line - 1]?.length ?? 0), text.length)];
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}
