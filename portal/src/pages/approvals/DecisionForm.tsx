/** Approve or deny. What is decided on is what was shown: the digest of that goes with the decision. */
import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Textarea, { type TextareaProps } from "@cloudscape-design/components/textarea";
import { useRef, useState } from "react";
import { unwrap } from "@/api/client";
import { useApi } from "@/api/context";
import type { ApprovalDetail } from "@/api/types";
import { useCommand } from "@/api/useCommand";
import { useFlash } from "@/app/flash";
import { ProblemAlert } from "@/components/states";
import { afterVote, problemOfComment, refusalOf, type Decision } from "./model";

function useDecision({ request_id, number, name }: ApprovalDetail, digest: string) {
  const api = useApi();
  const flash = useFlash();
  return useCommand(
    ({ decision, comment }: { decision: Decision; comment: string }, headers) =>
      unwrap(
        api.POST("/v1/approvals/{request_id}/{number}/decision", {
          params: { path: { request_id, number } },
          headers,
          body: { decision, comment: comment.trim(), digest },
        }),
      ),
    {
      onSuccess: ({ status }, { decision }) =>
        flash.show({
          type: "success",
          header: `Stage ${name}`,
          content: afterVote(decision, status),
          id: `decided-${request_id}-${number}`,
        }),
      invalidates: [["approval", request_id], ["approvals"], ["request", request_id]],
    },
  );
}

export function DecisionForm({ approval, onLookAgain }: { approval: ApprovalDetail; onLookAgain: () => void }) {
  // The page looks again every few seconds. What the person has read is what it decides on, until it says otherwise.
  const [digest, setDigest] = useState(approval.digest);
  const [comment, setComment] = useState("");
  const [tried, setTried] = useState<Decision | null>(null);
  const field = useRef<TextareaProps.Ref>(null);
  const decision = useDecision(approval, digest);
  const changed = approval.digest !== digest;
  const refusal = decision.error === null ? null : refusalOf(decision.error);
  const problem =
    (tried === null ? null : problemOfComment(tried, comment)) ??
    (decision.error?.code === "BallotIncomplete" || decision.error?.field === "comment" ? decision.error.detail : null);
  const decide = (chosen: Decision) => {
    setTried(chosen);
    if (problemOfComment(chosen, comment) !== null) {
      field.current?.focus();
      return;
    }
    decision.mutate({ decision: chosen, comment }, { onError: () => onLookAgain() });
  };
  const lookAgain = () => {
    setDigest(approval.digest);
    decision.reset();
    onLookAgain();
  };
  const blocked = changed || decision.isPending;
  return (
    <Container header={<Header variant="h2">Your decision</Header>}>
      <SpaceBetween size="m">
        {changed && (
          <Alert
            type="warning"
            header="The request has changed since you opened this page"
            action={<Button onClick={lookAgain}>Decide on what it shows now</Button>}
          >
            Read once more what will be exposed before you decide.
          </Alert>
        )}
        {refusal !== null && !changed && (
          <Alert type="error" header={refusal.header}>
            <span role="alert">{refusal.text}</span>
          </Alert>
        )}
        {decision.error !== null && refusal === null && problem === null && <ProblemAlert error={decision.error} />}
        <FormField
          label="Comment"
          description="Read by whoever asked, and kept in the ledger."
          constraintText="Needed for a denial."
          errorText={problem}
          stretch
        >
          <Textarea
            ref={field}
            value={comment}
            rows={3}
            onChange={({ detail }) => {
              setComment(detail.value);
              setTried(null);
            }}
          />
        </FormField>
        <SpaceBetween direction="horizontal" size="xs">
          <Button
            variant="primary"
            disabled={blocked}
            loading={decision.isPending && tried === "APPROVE"}
            onClick={() => decide("APPROVE")}
          >
            Approve
          </Button>
          <Button disabled={blocked} loading={decision.isPending && tried === "DENY"} onClick={() => decide("DENY")}>
            Deny
          </Button>
        </SpaceBetween>
      </SpaceBetween>
    </Container>
  );
}
