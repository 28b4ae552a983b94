/**
 * A dialog before something is ended: says what will happen, wants the name typed, and stays until it is known what
 * became of it.
 */
import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState, type ReactNode } from "react";
import type { Outcome } from "@/api/operations";
import type { Accepted } from "@/api/types";
import { useCommand, type CommandHeaders } from "@/api/useCommand";
import { OperationTracker, tracked, type Tracked } from "./OperationTracker";
import { ProblemAlert } from "./states";

interface Props {
  /** E.g. "Leave the mesh". */
  title: string;
  /** What the button says. */
  action: string;
  /** To be typed. */
  name: string;
  /** What is being done, while it is being done. */
  doing: string;
  success: ReactNode;
  children: ReactNode;
  send: (headers: CommandHeaders) => Promise<Accepted>;
  invalidates: readonly (readonly unknown[])[];
  onClose: (outcome: Outcome["is"] | null) => void;
}

export function ConfirmCommand({ title, action, name, doing, success, children, send, invalidates, onClose }: Props) {
  const [typed, setTyped] = useState("");
  const [operation, setOperation] = useState<Tracked | null>(null);
  const [ended, setEnded] = useState<Outcome["is"] | null>(null);
  const command = useCommand((_input: null, headers) => send(headers), {
    onSuccess: (accepted) => setOperation(tracked(accepted)),
    invalidates,
  });
  const fits = typed.trim() === name;
  return (
    <Modal
      visible
      header={title}
      onDismiss={() => onClose(ended)}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={() => onClose(ended)}>
              {operation === null ? "Cancel" : "Close"}
            </Button>
            {operation === null && (
              <Button
                variant="primary"
                disabled={!fits}
                disabledReason={`Type ${name} first.`}
                loading={command.isPending}
                onClick={() => command.mutate(null)}
              >
                {action}
              </Button>
            )}
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        {command.error !== null && <ProblemAlert error={command.error} />}
        {operation === null ? (
          <SpaceBetween size="m">
            <Alert type="warning">{children}</Alert>
            <FormField label={`To confirm, type ${name}`}>
              <Input
                value={typed}
                spellcheck={false}
                autoComplete={false}
                onChange={({ detail }) => setTyped(detail.value)}
              />
            </FormField>
          </SpaceBetween>
        ) : (
          <OperationTracker
            operation={operation}
            title={doing}
            success={success}
            onEnd={(outcome) => setEnded(outcome.is)}
          />
        )}
      </SpaceBetween>
    </Modal>
  );
}
