/** What the policy says of a request, while it is being written. */
import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Spinner from "@cloudscape-design/components/spinner";
import type { AccessPreview, AskedStage } from "@/api/types";
import { plural } from "@/components/format";
import { ProblemAlert } from "@/components/states";

interface Props {
  /** null: there is nothing to say yet, and why. */
  preview: AccessPreview | null;
  missing: string;
  error: unknown;
  checking: boolean;
}

export function PolicyAnswer({ preview, missing, error, checking }: Props) {
  return (
    <Container
      header={
        <Header variant="h2" info={checking ? <Spinner /> : undefined}>
          What the policy says
        </Header>
      }
    >
      <div role="status" aria-busy={checking} data-testid="policy-answer">
        {error !== null ? (
          <ProblemAlert error={error} />
        ) : preview === null ? (
          <Box color="text-body-secondary">{missing}</Box>
        ) : (
          <Answer preview={preview} />
        )}
      </div>
    </Container>
  );
}

function Answer({ preview }: { preview: AccessPreview }) {
  const { outcome, rule, reasons, stages, duration_days, shown, code, message, field } = preview;
  return (
    <SpaceBetween size="m">
      {outcome === "GRANTED_AT_ONCE" && (
        <Alert type="success" header="Granted at once">
          Nobody has to be asked.
        </Alert>
      )}
      {outcome === "NEEDS_APPROVAL" && (
        <Alert type="info" header="People have to agree">
          {(stages ?? []).length > 1 ? "One group after the other:" : "It waits for:"}
          <ol className="stages">
            {(stages ?? []).map((stage) => (
              <li key={stage.name}>
                <Stage stage={stage} />
              </li>
            ))}
          </ol>
        </Alert>
      )}
      {outcome === "REJECTED" && (
        <Alert type="error" header="It would be refused">
          {message ?? "The policy does not allow it."}
          <Box variant="small" display="block">
            {code}
            {field != null && ` · ${field}`}
          </Box>
        </Alert>
      )}
      {(reasons ?? []).length > 0 && (
        <div>
          <Box variant="h4" tagOverride="h3">
            Why
          </Box>
          <ul className="reasons">
            {(reasons ?? []).map((reason) => (
              <li key={reason}>{reason}</li>
            ))}
          </ul>
        </div>
      )}
      {outcome !== "REJECTED" && (
        <div>
          <Box variant="h4" tagOverride="h3">
            For how long
          </Box>
          {duration_days == null ? "Until it is revoked." : `${plural(duration_days, "day")} from the decision on.`}
        </div>
      )}
      {(shown ?? []).length > 0 && (
        <div>
          <Box variant="h4" tagOverride="h3">
            What you would see
          </Box>
          <ul className="reasons">
            {(shown ?? []).map(({ name, column_count, sensitive }) => (
              <li key={name}>
                <Box variant="code">{name}</Box>: {plural(column_count, "column")}
                {(sensitive ?? []).length > 0 && <>; sensitive: {(sensitive ?? []).join(", ")}</>}
              </li>
            ))}
          </ul>
        </div>
      )}
      {rule != null && <Box variant="small">Rule “{rule}” of the approval policy.</Box>}
    </SpaceBetween>
  );
}

function Stage({ stage: { name, approvers, quorum, deadline_hours } }: { stage: AskedStage }) {
  const people = approvers ?? [];
  return (
    <>
      <strong>{name}</strong>: {quorum} of {people.length === 0 ? "nobody who is eligible" : people.join(", ")}, within{" "}
      {plural(deadline_hours, "hour")}
    </>
  );
}
