/** Starts a failed execution again, and leads to the new one. */
import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useNavigate } from "react-router";
import { unwrap } from "@/api/client";
import { useApi } from "@/api/context";
import type { ExecutionDetail } from "@/api/types";
import { useCommand } from "@/api/useCommand";
import { useFlash } from "@/app/flash";
import { paths } from "@/app/paths";
import { ProblemAlert } from "@/components/states";

export function RetryDialog({ execution, onClose }: { execution: ExecutionDetail; onClose: () => void }) {
  const api = useApi();
  const navigate = useNavigate();
  const flash = useFlash();
  const { execution_id, workflow, subject } = execution;
  const retry = useCommand(
    (id: string, headers) =>
      unwrap(api.POST("/v1/executions/{execution_id}/retry", { params: { path: { execution_id: id } }, headers })),
    {
      invalidates: [["execution", execution_id], ["executions"]],
      onSuccess: (accepted) => {
        onClose();
        flash.show({
          type: "success",
          content: "It was started again. This is the new execution.",
          id: `retry-${execution_id}`,
        });
        if (accepted.execution_id != null) {
          void navigate(paths.execution(accepted.execution_id), { state: { since: Date.now() } });
        }
      },
    },
  );
  return (
    <Modal
      visible
      header="Start the workflow again"
      closeAriaLabel="Close"
      onDismiss={onClose}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={onClose}>
              Cancel
            </Button>
            <Button variant="primary" loading={retry.isPending} onClick={() => retry.mutate(execution_id)}>
              Start again
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        {retry.error !== null && <ProblemAlert error={retry.error} />}
        <Alert type="info">
          {workflow.replaceAll("_", " ")}
          {subject != null && <span className="break"> for {subject}</span>} runs once more with the same input. Mend
          what made it fail first: it does the same again. Steps that were done already change nothing.
        </Alert>
      </SpaceBetween>
    </Modal>
  );
}
