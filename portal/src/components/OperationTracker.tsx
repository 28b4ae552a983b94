/**
 * Follows a command from its acceptance to its end: pending with what has happened so far, succeeded, rejected with code,
 * reason and field, or failed. Screen readers hear every change.
 */
import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { useEffect, useRef, type ReactNode } from "react";
import { paths } from "@/app/paths";
import { useOperation, type Outcome } from "@/api/operations";
import type { Accepted, Operation } from "@/api/types";
import { Time } from "./format";
import { RouterLink } from "./RouterLink";
import { ProblemAlert } from "./states";

/** An accepted command, and when that was. Made by `tracked(accepted)`. */
export interface Tracked {
  accepted: Accepted;
  since: number;
}

export function tracked(accepted: Accepted): Tracked {
  return { accepted, since: Date.now() };
}

interface Props {
  operation: Tracked;
  /** What is being done, e.g. "Registering sales". */
  title: string;
  /** Shown when it has succeeded. */
  success: ReactNode;
  /** Called once, when an end is reached. */
  onEnd?: (outcome: Outcome) => void;
}

export function OperationTracker({ operation: { accepted, since }, title, success, onEnd }: Props) {
  const { outcome, operation } = useOperation(accepted.correlation_id, since);
  const told = useRef<string | null>(null);
  const place = useRef<HTMLDivElement>(null);
  // It stands above a form that is sent at its end: whoever sent it sees what becomes of it.
  useEffect(() => {
    // In braces: newer browsers return a promise, which React would take for a clean-up.
    place.current?.scrollIntoView?.({ block: "center" });
  }, [accepted.correlation_id]);
  useEffect(() => {
    if (outcome.is === "pending" || told.current === accepted.correlation_id) return;
    told.current = accepted.correlation_id;
    onEnd?.(outcome);
  }, [outcome, accepted.correlation_id, onEnd]);
  return (
    <div ref={place} role="status" data-testid="operation" data-outcome={outcome.is}>
      <Shown outcome={outcome} title={title} success={success} />
      <Box padding={{ top: "xs" }}>
        <SpaceBetween size="xxs">
          {operation !== undefined && <Progress operation={operation} />}
          <Box variant="small">
            <RouterLink href={paths.operation(accepted.correlation_id)} fontSize="body-s">
              Follow what happens in detail
            </RouterLink>
          </Box>
        </SpaceBetween>
      </Box>
    </div>
  );
}

function Shown({ outcome, title, success }: { outcome: Outcome; title: string; success: ReactNode }) {
  switch (outcome.is) {
    case "pending":
      return (
        <Alert type="info" header={title}>
          {outcome.slow
            ? "This takes longer than usual. You can leave this page: the work goes on, and the link below leads back to it."
            : "The mesh is working on it. You can leave this page."}
        </Alert>
      );
    case "succeeded":
      return (
        <Alert type="success" header={`${title}: done`}>
          {success}
        </Alert>
      );
    case "rejected":
      return (
        <Alert type="error" header={`${title}: rejected`}>
          {outcome.message}
          <Box variant="small" display="block">
            {outcome.code}
            {outcome.field !== null && (
              <>
                {" "}
                · field{" "}
                <Box variant="code" display="inline">
                  {outcome.field}
                </Box>
              </>
            )}
          </Box>
        </Alert>
      );
    case "failed":
      return (
        <Alert type="error" header={`${title}: failed`}>
          {outcome.message}
          <Box variant="small" display="block">
            {outcome.error} · An operator of the mesh can start it again.
          </Box>
        </Alert>
      );
    case "unknown":
      return <ProblemAlert error={outcome.problem} header="What became of it cannot be shown" />;
  }
}

const BAD = new Set([
  "CommandRejected",
  "WorkflowFailed",
  "DataProductAccessDenied",
  "DataProductLinkFailed",
  "DataProductCrawlFailed",
]);

function Progress({ operation }: { operation: Operation }) {
  return (
    <ul className="events">
      {operation.events.map(({ event_id, detail_type, occurred_at }) => (
        <li key={event_id}>
          <StatusIndicator type={BAD.has(detail_type) ? "error" : "success"}>{detail_type}</StatusIndicator>{" "}
          <Box variant="small" display="inline">
            <Time at={occurred_at} exact />
          </Box>
        </li>
      ))}
    </ul>
  );
}
