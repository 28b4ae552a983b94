/** The stages of an approval: who was asked, who has said what, and until when. */
import Box from "@cloudscape-design/components/box";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator, { type StatusIndicatorProps } from "@cloudscape-design/components/status-indicator";
import type { StageView } from "@/api/types";
import { Time } from "./format";
import { distanceText } from "./words";

const STATUS: Record<StageView["status"], readonly [StatusIndicatorProps.Type, string]> = {
  OPEN: ["pending", "Being decided"],
  APPROVED: ["success", "Approved"],
  DENIED: ["error", "Denied"],
  EXPIRED: ["stopped", "Nobody decided in time"],
  CANCELLED: ["stopped", "Taken back"],
};

export function StageStatus({ status }: { status: StageView["status"] }) {
  const [type, text] = STATUS[status];
  return <StatusIndicator type={type}>{text}</StatusIndicator>;
}

export function Stages({ stages, current }: { stages: readonly StageView[]; current?: number }) {
  return (
    <ul className="rows">
      {stages.map((stage) => (
        <li key={stage.number}>
          <SpaceBetween size="xxs">
            <div className="row">
              <Box variant="strong">
                Stage {stage.number + 1}: {stage.name}
                {stage.number === current && " (this one)"}
              </Box>
              <StageStatus status={stage.status} />
            </div>
            <Votes stage={stage} />
          </SpaceBetween>
        </li>
      ))}
    </ul>
  );
}

function Votes({ stage }: { stage: StageView }) {
  const { approvers, quorum, deadline, escalated, status, reason } = stage;
  const votes = stage.votes ?? [];
  const silent = approvers.filter((person) => !votes.some(({ approver }) => approver === person));
  return (
    <>
      <Box variant="small">
        {quorum === 1 ? "One person has" : `${quorum} people have`} to agree, until <Time at={deadline} />
        {status === "OPEN" && ` (${distanceText(deadline)})`}
        {escalated && ". The first deadline passed: more people were asked"}
      </Box>
      {votes.length > 0 && (
        <ul className="plain">
          {votes.map(({ approver, decision, comment, at, via }) => (
            <li key={approver}>
              <StatusIndicator type={decision === "APPROVE" ? "success" : "error"}>
                {approver} {decision === "APPROVE" ? "approved" : "denied"}
              </StatusIndicator>{" "}
              <Box variant="small" display="inline">
                <Time at={at} />, by {via}
              </Box>
              {comment !== "" && <div className="written indented">“{comment}”</div>}
            </li>
          ))}
        </ul>
      )}
      {silent.length > 0 && (
        <Box variant="small">
          {status === "OPEN" ? "Asked: " : "Did not vote: "}
          {silent.join(", ")}
        </Box>
      )}
      {reason != null && !votes.some(({ comment }) => comment === reason) && <div className="written">{reason}</div>}
    </>
  );
}
