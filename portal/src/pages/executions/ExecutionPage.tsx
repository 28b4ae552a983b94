/** An execution of a workflow: its steps, why it failed, the events of its flow, and a new start. */
import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Grid from "@cloudscape-design/components/grid";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";
import { useLocation, useParams } from "react-router";
import type { ExecutionDetail, ExecutionStep } from "@/api/types";
import { Page } from "@/app/page";
import { paths } from "@/app/paths";
import { Copyable } from "@/components/Copyable";
import { Details } from "@/components/Details";
import { EventTimeline } from "@/components/EventTimeline";
import { ExecutionStatus, Time } from "@/components/format";
import { RouterButton, RouterLink } from "@/components/RouterLink";
import { Empty, Loaded } from "@/components/states";
import { Timeline, type Happening } from "@/components/Timeline";
import { durationText } from "@/components/words";
import { Subject } from "./ExecutionList";
import { lasted, toneOfStep } from "./model";
import { useExecution } from "./queries";
import { RetryDialog } from "./RetryDialog";

export default function ExecutionPage() {
  const { id = "" } = useParams();
  const location = useLocation();
  const query = useExecution(id, sinceOf(location.state));
  const [retrying, setRetrying] = useState(false);
  const execution = query.data;
  return (
    <Page
      title={execution === undefined ? "Execution" : `Execution of ${execution.workflow.replaceAll("_", " ")}`}
      info={execution === undefined ? undefined : <ExecutionStatus status={execution.status} />}
      breadcrumbs={[{ text: "Executions", href: paths.executions() }]}
      actions={
        execution?.may_retry === true ? (
          <Button variant="primary" onClick={() => setRetrying(true)}>
            Start again
          </Button>
        ) : undefined
      }
    >
      <Loaded
        query={query}
        loading={sinceOf(location.state) === null ? "Loading the execution" : "Starting"}
        missing={
          <Empty
            title="There is no such execution"
            action={<RouterButton href={paths.executions()}>All executions</RouterButton>}
          >
            Or it is not yours to see. The mesh forgets executions after some time.
          </Empty>
        }
      >
        {(detail) => <Execution execution={detail} />}
      </Loaded>
      {retrying && execution !== undefined && <RetryDialog execution={execution} onClose={() => setRetrying(false)} />}
    </Page>
  );
}

/** When the execution was started by this person, if it was just now: given by RetryDialog. */
function sinceOf(state: unknown): number | null {
  const since = (state as { since?: unknown } | null)?.since;
  return typeof since === "number" ? since : null;
}

function Execution({ execution }: { execution: ExecutionDetail }) {
  const { status, error, cause, steps, events } = execution;
  return (
    <SpaceBetween size="l">
      {error != null || status === "FAILED" || status === "TIMED_OUT" ? (
        <Alert type="error" header={error ?? "It failed"}>
          <span className="written">{cause ?? "No cause was given."}</span>
          {!execution.may_retry && <Box variant="small">An operator of the mesh can start it again.</Box>}
        </Alert>
      ) : null}
      <Overview execution={execution} />
      <Grid gridDefinition={[{ colspan: { default: 12, xs: 5 } }, { colspan: { default: 12, xs: 7 } }]}>
        <Container header={<Header variant="h2">Steps</Header>}>
          {steps.length === 0 ? (
            <Empty title="No step yet" />
          ) : (
            <Timeline label="Steps of the execution" items={steps.map(happeningOf)} />
          )}
        </Container>
        <Container header={<Header variant="h2">Events of its flow</Header>}>
          {events.length === 0 ? (
            <Empty title="No event is known" />
          ) : (
            <EventTimeline label="Events of the flow" events={events} />
          )}
        </Container>
      </Grid>
    </SpaceBetween>
  );
}

function Overview({ execution }: { execution: ExecutionDetail }) {
  const { domain, subject, started_by, started_at, stopped_at, correlation_id, execution_id } = execution;
  return (
    <Container header={<Header variant="h2">Overview</Header>}>
      <Details
        columns={4}
        items={[
          ["About", <Subject key="subject" subject={subject ?? null} />],
          ["Domain", domain == null ? null : <RouterLink href={paths.domain(domain)}>{domain}</RouterLink>],
          ["Started", <Time key="started" at={started_at} exact />],
          ["Ended", stopped_at == null ? null : <Time key="stopped" at={stopped_at} exact />],
          ["Took", lasted(execution)],
          [
            "Started by",
            started_by == null ? null : (
              <span key="by">
                {started_by.detail_type} of account {started_by.account}
              </span>
            ),
          ],
          [
            "Operation",
            correlation_id == null ? null : (
              <RouterLink key="operation" href={paths.operation(correlation_id)}>
                All of its flow
              </RouterLink>
            ),
          ],
          ["Execution", <Copyable key="id" text={execution_id} label="execution id" />],
        ]}
      />
    </Container>
  );
}

const WORDS: Record<ExecutionStep["status"], string> = {
  RUNNING: "running",
  SUCCEEDED: "done",
  CAUGHT: "failed, and was dealt with",
  FAILED: "failed",
};

function happeningOf(step: ExecutionStep, place: number): Happening {
  const { name, type, status, entered_at, exited_at, error, cause } = step;
  const took = exited_at == null ? "" : ` after ${durationText(entered_at, exited_at)}`;
  return {
    key: String(place),
    tone: toneOfStep(step),
    title: name,
    at: entered_at,
    about: `${type}: ${WORDS[status]}${took}`,
    body:
      error == null && cause == null ? undefined : (
        <>
          {error != null && <Box variant="code">{error}</Box>} {cause}
        </>
      ),
  };
}
