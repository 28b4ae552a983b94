/** Steps and events of the mesh as points of a timeline. */
import type { ExecutionStep, ExecutionSummary, MeshEvent } from "@/api/types";
import type { Happening } from "@/components/Timeline";
import { durationText } from "@/components/words";

export const STATUSES: readonly (readonly [ExecutionSummary["status"], string])[] = [
  ["RUNNING", "Running"],
  ["SUCCEEDED", "Succeeded"],
  ["FAILED", "Failed"],
  ["TIMED_OUT", "Timed out"],
  ["ABORTED", "Aborted"],
  ["PENDING_REDRIVE", "Waits for a new start"],
];

export function statusOf(text: string): ExecutionSummary["status"] | null {
  return STATUSES.find(([status]) => status === text)?.[0] ?? null;
}

const BAD = /Rejected$|Failed$|Denied$|DriftFound$/;

export function toneOfEvent({ detail_type }: Pick<MeshEvent, "detail_type">): Happening["tone"] {
  return BAD.test(detail_type) ? "error" : "success";
}

const STEP_TONES: Record<ExecutionStep["status"], Happening["tone"]> = {
  RUNNING: "in-progress",
  SUCCEEDED: "success",
  CAUGHT: "plain",
  FAILED: "error",
};

export function toneOfStep({ status }: Pick<ExecutionStep, "status">): Happening["tone"] {
  return STEP_TONES[status];
}

export function lasted({ started_at, stopped_at }: Pick<ExecutionSummary, "started_at" | "stopped_at">): string | null {
  return stopped_at == null ? null : durationText(started_at, stopped_at);
}

/** Who sent an event to whom. */
export function wayOf({ source, account, target_account }: MeshEvent): string {
  const from = source === "datamesh.central" ? `central (${account})` : `account ${account}`;
  return target_account == null ? `from ${from}` : `from ${from} to account ${target_account}`;
}

/** What an event was caused by, where that is shown as well. */
export function causeOf({ causation_id }: MeshEvent, among: readonly MeshEvent[]): MeshEvent | null {
  return causation_id == null ? null : (among.find(({ event_id }) => event_id === causation_id) ?? null);
}
