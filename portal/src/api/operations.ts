/** What becomes of a command that was accepted. */
import { useQuery } from "@tanstack/react-query";
import { unwrap } from "./client";
import { useApi } from "./context";
import { FAST } from "./live";
import { asProblem } from "./problem";
import type { Operation } from "./types";

/** The timeline learns of a command a moment after it was accepted: so long a 404 means "not yet". */
export const SETTLING = 45_000;
/** After this long, looking every second or so helps nobody. */
export const LONG = 60_000;

export type Outcome =
  | { is: "pending"; slow: boolean }
  | { is: "succeeded"; operation: Operation }
  | { is: "rejected"; code: string; message: string; field: string | null }
  | { is: "failed"; error: string; message: string }
  | { is: "unknown"; problem: unknown };

/** Tell how an operation stands out of the last answer about it, `waited` milliseconds after it was accepted. */
export function outcomeOf(operation: Operation | undefined, problem: unknown, waited: number): Outcome {
  if (operation === undefined) {
    if (problem === null || problem === undefined) return { is: "pending", slow: waited > LONG };
    const { status, temporary } = asProblem(problem);
    if (temporary || (status === 404 && waited < SETTLING)) return { is: "pending", slow: waited > LONG };
    return { is: "unknown", problem };
  }
  switch (operation.status) {
    case "PENDING":
      return { is: "pending", slow: waited > LONG };
    case "SUCCEEDED":
      return { is: "succeeded", operation };
    case "REJECTED":
      return {
        is: "rejected",
        code: operation.error ?? "Rejected",
        message: operation.message ?? "The mesh gave no reason.",
        field: operation.field ?? null,
      };
    case "FAILED":
      return {
        is: "failed",
        error: operation.error ?? "WorkflowFailed",
        message: operation.message ?? "A workflow of the mesh failed.",
      };
  }
}

export function isFinal(outcome: Outcome): boolean {
  return outcome.is !== "pending";
}

/** Poll an operation until it has come to an end. `since` is when it was accepted, in milliseconds. */
export function useOperation(
  correlationId: string | null,
  since: number,
): { outcome: Outcome; operation: Operation | undefined } {
  const api = useApi();
  const { data, error, dataUpdatedAt, errorUpdatedAt } = useQuery({
    queryKey: ["operation", correlationId],
    enabled: correlationId !== null,
    queryFn: () =>
      unwrap(api.GET("/v1/operations/{correlation_id}", { params: { path: { correlation_id: correlationId ?? "" } } })),
    retry: false,
    staleTime: 0,
    refetchInterval: ({ state }) => {
      const waited = Date.now() - since;
      if (isFinal(outcomeOf(state.data, state.error, waited))) return false;
      return waited > LONG ? FAST * 5 : FAST;
    },
  });
  const waited = Math.max(dataUpdatedAt, errorUpdatedAt) - since;
  return { outcome: outcomeOf(data, error, waited), operation: data };
}
