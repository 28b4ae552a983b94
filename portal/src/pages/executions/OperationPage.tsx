/** What became of a command: everything that was said and done under its correlation id. */
import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator, { type StatusIndicatorProps } from "@cloudscape-design/components/status-indicator";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "react-router";
import { unwrap } from "@/api/client";
import { useApi } from "@/api/context";
import { FAST, LIVE } from "@/api/live";
import type { Operation } from "@/api/types";
import { Page } from "@/app/page";
import { paths } from "@/app/paths";
import { Copyable } from "@/components/Copyable";
import { EventTimeline } from "@/components/EventTimeline";
import { RouterButton, RouterLink } from "@/components/RouterLink";
import { Empty, Loaded } from "@/components/states";
import { camelWords } from "@/components/words";
import { ExecutionList } from "./ExecutionList";

/** Unlike the tracker of a command this goes on after its end: what follows from a request may take days. */
function useFlow(correlationId: string) {
  const api = useApi();
  return useQuery({
    queryKey: ["flow", correlationId],
    queryFn: () =>
      unwrap(api.GET("/v1/operations/{correlation_id}", { params: { path: { correlation_id: correlationId } } })),
    refetchInterval: ({ state }) => (state.data?.status === "PENDING" ? FAST : LIVE),
  });
}

const STATUS: Record<Operation["status"], readonly [StatusIndicatorProps.Type, string]> = {
  PENDING: ["in-progress", "Under way"],
  SUCCEEDED: ["success", "Succeeded"],
  REJECTED: ["error", "Rejected"],
  FAILED: ["error", "Failed"],
};

export default function OperationPage() {
  const { correlationId = "" } = useParams();
  const query = useFlow(correlationId);
  const command = query.data?.events[0];
  return (
    <Page
      title={command === undefined ? "Operation" : `Operation: ${camelWords(command.detail_type).toLowerCase()}`}
      info={query.data === undefined ? undefined : <Status status={query.data.status} />}
      breadcrumbs={[{ text: "Executions", href: paths.executions() }]}
    >
      <Loaded
        query={query}
        loading="Loading the operation"
        missing={
          <Empty
            title="Nothing is known of this operation"
            action={<RouterButton href={paths.executions()}>All executions</RouterButton>}
          >
            Or it is not yours to see. What was just sent is known in a moment; the mesh forgets after some time.
          </Empty>
        }
      >
        {(operation) => <Flow operation={operation} />}
      </Loaded>
    </Page>
  );
}

function Status({ status }: { status: Operation["status"] }) {
  const [type, text] = STATUS[status];
  return <StatusIndicator type={type}>{text}</StatusIndicator>;
}

function Flow({ operation }: { operation: Operation }) {
  const { status, error, message, field, events, correlation_id } = operation;
  const requestId = requestOf(operation);
  return (
    <SpaceBetween size="l">
      <div role="status">
        {(status === "REJECTED" || status === "FAILED") && (
          <Alert type="error" header={status === "REJECTED" ? "It was rejected" : "A workflow failed"}>
            <span className="written">{message ?? "No reason was given."}</span>
            <Box variant="small" display="block">
              {error}
              {field != null && (
                <>
                  {" "}
                  · field{" "}
                  <Box variant="code" display="inline">
                    {field}
                  </Box>
                </>
              )}
            </Box>
          </Alert>
        )}
        {status === "PENDING" && <Alert type="info">The mesh is working on it. What happens appears here.</Alert>}
      </div>
      <Container header={<Header variant="h2">What happened</Header>}>
        <SpaceBetween size="m">
          {events.length === 0 ? (
            <Empty title="Nothing was heard of it yet" />
          ) : (
            <EventTimeline label="Events of the operation" events={events} />
          )}
          {requestId !== null && (
            <RouterLink href={paths.request(requestId)}>The request for access that this is about</RouterLink>
          )}
          <div>
            <Box variant="awsui-key-label">Correlation id</Box>
            <Copyable text={correlation_id} label="correlation id" />
          </div>
        </SpaceBetween>
      </Container>
      <ExecutionList items={operation.executions ?? []} empty={<Empty title="No workflow has run for it yet" />} />
    </SpaceBetween>
  );
}

function requestOf({ events }: Operation): string | null {
  const found = events.map(({ data }) => data.request_id).find((id) => typeof id === "string");
  return found ?? null;
}
