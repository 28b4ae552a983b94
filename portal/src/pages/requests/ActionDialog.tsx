/** Cancel, extend, revoke: says what will happen, wants a reason, and stays until it is known what became of it. */
import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Textarea from "@cloudscape-design/components/textarea";
import { useState } from "react";
import { unwrap } from "@/api/client";
import { useApi } from "@/api/context";
import type { Accepted, RequestDetail } from "@/api/types";
import { useCommand, type CommandHeaders } from "@/api/useCommand";
import { paths } from "@/app/paths";
import { subjectOf } from "@/components/format";
import { OperationTracker, tracked, type Tracked } from "@/components/OperationTracker";
import { RouterLink } from "@/components/RouterLink";
import { ProblemAlert } from "@/components/states";
import { problemOfDays, problemOfReason } from "./model";

export type Action = "cancel" | "extend" | "revoke";

interface Input {
  reason: string;
  days: string;
}

interface Words {
  title: string;
  button: string;
  doing: string;
  label: string;
  warning: string | null;
  success: (accepted: Accepted) => React.ReactNode;
}

function wordsOf(action: Action, request: RequestDetail): Words {
  const subject = subjectOf(request);
  switch (action) {
    case "cancel":
      return {
        title: "Take the request back",
        button: "Take back",
        doing: "Taking the request back",
        label: "Reason",
        warning: `Nobody decides on the request for ${subject} any more. It can be asked again later.`,
        success: () => "The request is taken back.",
      };
    case "revoke":
      return {
        title: "Revoke access",
        button: "Revoke access",
        doing: "Revoking access",
        label: "Reason",
        warning: `${request.domain} loses its access to ${subject}, everybody in it: queries on it fail from then on. To have it again it must be asked for and decided on again.`,
        success: () => `${request.domain} has no access by this request any more.`,
      };
    case "extend":
      return {
        title: "Extend access",
        button: "Ask for extension",
        doing: "Asking for an extension",
        label: "Justification",
        warning: null,
        success: ({ request_id }) =>
          request_id == null ? (
            "The extension was asked for."
          ) : (
            <>
              The extension is a request of its own.{" "}
              <RouterLink href={paths.request(request_id)}>Follow the extension</RouterLink>
            </>
          ),
      };
  }
}

function useAction(action: Action, id: string, onAccepted: (accepted: Accepted) => void) {
  const api = useApi();
  const params = { path: { request_id: id } };
  return useCommand(
    ({ reason, days }: Input, headers: CommandHeaders) => {
      const text = reason.trim();
      switch (action) {
        case "cancel":
          return unwrap(
            api.POST("/v1/access-requests/{request_id}/cancel", { params, headers, body: { reason: text } }),
          );
        case "revoke":
          return unwrap(
            api.POST("/v1/access-requests/{request_id}/revoke", { params, headers, body: { reason: text } }),
          );
        case "extend":
          return unwrap(
            api.POST("/v1/access-requests/{request_id}/extend", {
              params,
              headers,
              body: { justification: text, duration_days: Number(days) },
            }),
          );
      }
    },
    { onSuccess: onAccepted, invalidates: [["request", id], ["requests"]] },
  );
}

export function ActionDialog({
  action,
  request,
  onClose,
}: {
  action: Action;
  request: RequestDetail;
  onClose: () => void;
}) {
  const [input, setInput] = useState<Input>({ reason: "", days: String(request.duration_days ?? 90) });
  const [touched, setTouched] = useState(false);
  const [operation, setOperation] = useState<Tracked | null>(null);
  const command = useAction(action, request.request_id, (accepted) => setOperation(tracked(accepted)));
  const words = wordsOf(action, request);
  const field = command.error?.field ?? null;
  const refused = (name: string) => (field === name ? command.error?.detail : undefined);
  const reasonProblem = problemOfReason(input.reason);
  const daysProblem = action === "extend" ? problemOfDays(input.days) : null;
  const send = () => {
    setTouched(true);
    if (reasonProblem === null && daysProblem === null && !command.isPending) command.mutate(input);
  };
  return (
    <Modal
      visible
      header={words.title}
      closeAriaLabel="Close"
      onDismiss={onClose}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={onClose}>
              {operation === null ? "Cancel" : "Close"}
            </Button>
            {operation === null && (
              <Button variant="primary" loading={command.isPending} onClick={send}>
                {words.button}
              </Button>
            )}
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        {command.error !== null && <ProblemAlert error={command.error} />}
        {operation === null ? (
          <>
            {words.warning !== null && <Alert type="warning">{words.warning}</Alert>}
            {action === "extend" && (
              <FormField
                label="Days"
                description="Counted from when the extension is granted; the policy may allow fewer."
                errorText={refused("duration_days") ?? (touched ? daysProblem : null)}
              >
                <Input
                  value={input.days}
                  type="number"
                  inputMode="numeric"
                  onChange={({ detail }) => setInput({ ...input, days: detail.value })}
                />
              </FormField>
            )}
            <FormField
              label={words.label}
              description={
                action === "extend" ? "Read by those who decide, and kept with the decision." : "Kept in the ledger."
              }
              errorText={refused("reason") ?? refused("justification") ?? (touched ? reasonProblem : null)}
              stretch
            >
              <Textarea
                value={input.reason}
                rows={3}
                onChange={({ detail }) => setInput({ ...input, reason: detail.value })}
              />
            </FormField>
          </>
        ) : (
          <OperationTracker operation={operation} title={words.doing} success={words.success(operation.accepted)} />
        )}
      </SpaceBetween>
    </Modal>
  );
}
