/** A request for access and its life: what was asked, who decides, what happened, and what can be done now. */
import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Grid from "@cloudscape-design/components/grid";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";
import { useParams } from "react-router";
import { hasRole, inMesh, seesInside, useMe } from "@/api/me";
import type { RequestDetail } from "@/api/types";
import { Page } from "@/app/page";
import { paths } from "@/app/paths";
import { Copyable } from "@/components/Copyable";
import { Details } from "@/components/Details";
import { ExecutionStatus, expressionText, plural, RequestStatus, subjectOf, Time } from "@/components/format";
import { RouterButton, RouterLink } from "@/components/RouterLink";
import { Stages } from "@/components/Stages";
import { Empty, Loaded } from "@/components/states";
import { Timeline, type Happening } from "@/components/Timeline";
import { actorText, distanceText } from "@/components/words";
import { ActionDialog, type Action } from "./ActionDialog";
import { askedTables, isReady, SORTS, waitsFor } from "./model";
import { useExecutionsOfRequest, useRequest } from "./queries";

export default function RequestPage() {
  const { id = "" } = useParams();
  const { data: me } = useMe();
  const query = useRequest(id);
  const [action, setAction] = useState<Action | null>(null);
  const request = query.data;
  return (
    <Page
      title={request === undefined ? "Request for access" : `Request for ${subjectOf(request)}`}
      info={request === undefined ? undefined : <RequestStatus status={request.status} />}
      breadcrumbs={[{ text: "My requests", href: paths.requests }]}
      actions={request === undefined ? undefined : <Actions request={request} onAct={setAction} />}
    >
      <Loaded
        query={query}
        loading="Loading the request"
        missing={
          <Empty
            title="There is no such request"
            action={<RouterButton href={paths.requests}>My requests</RouterButton>}
          >
            Or it is not yours to see. A request that was just sent is shown in a moment.
          </Empty>
        }
      >
        {(detail) => (
          <SpaceBetween size="l">
            <State request={detail} />
            <Grid gridDefinition={[{ colspan: { default: 12, xs: 7 } }, { colspan: { default: 12, xs: 5 } }]}>
              <SpaceBetween size="l">
                <Asked request={detail} />
                <Decision request={detail} />
              </SpaceBetween>
              <SpaceBetween size="l">
                <Container header={<Header variant="h2">History</Header>}>
                  <Timeline label="History of the request" items={historyOf(detail)} />
                </Container>
                {seesInside(me, detail.domain) && <Executions request={detail} />}
                {(hasRole(me, detail.domain, "owner", "steward") || inMesh(me, "admin", "auditor")) && (
                  <RouterLink
                    href={`${paths.audit}?request=${detail.request_id}${inMesh(me, "admin", "auditor") ? "" : `&domain=${encodeURIComponent(detail.domain)}`}`}
                  >
                    What the ledger says of it
                  </RouterLink>
                )}
              </SpaceBetween>
            </Grid>
            {action !== null && <ActionDialog action={action} request={detail} onClose={() => setAction(null)} />}
          </SpaceBetween>
        )}
      </Loaded>
    </Page>
  );
}

function Actions({ request, onAct }: { request: RequestDetail; onAct: (action: Action) => void }) {
  const { may_cancel, may_extend, may_revoke, product } = request;
  const query = isReady(request) && product != null;
  if (!may_cancel && !may_extend && !may_revoke && !query) return null;
  return (
    <SpaceBetween direction="horizontal" size="xs">
      {may_cancel && <Button onClick={() => onAct("cancel")}>Take back</Button>}
      {may_revoke && <Button onClick={() => onAct("revoke")}>Revoke access</Button>}
      {may_extend && <Button onClick={() => onAct("extend")}>Extend access</Button>}
      {query && (
        <RouterButton variant="primary" href={`${paths.product(product.domain, product.name)}?tab=query`}>
          How to query it
        </RouterButton>
      )}
    </SpaceBetween>
  );
}

/** Why it stands as it stands, and what comes next. Screen readers hear when it changes. */
function State({ request }: { request: RequestDetail }) {
  return (
    <div role="status">
      <StateAlert request={request} />
    </div>
  );
}

function StateAlert({ request }: { request: RequestDetail }) {
  const { status, reason, rejection, rejected_field, expires_at, product, stages } = request;
  const waits = waitsFor(request);
  switch (status) {
    case "PENDING": {
      const open = stages.find((stage) => stage.status === "OPEN");
      return (
        <Alert type="info" header="It waits for approval">
          {waits}
          {open !== undefined && (
            <>
              {" "}
              Asked: {open.approvers.join(", ")}; until <Time at={open.deadline} />.
            </>
          )}
        </Alert>
      );
    }
    case "DENIED":
      return (
        <Alert type="error" header="It was denied">
          <span className="written">{reason ?? "No reason was given."}</span>
        </Alert>
      );
    case "REJECTED":
      return (
        <Alert type="error" header="It was rejected">
          <span className="written">{reason ?? "The mesh gave no reason."}</span>
          <Box variant="small" display="block">
            {rejection}
            {rejected_field != null && (
              <>
                {" "}
                · field{" "}
                <Box variant="code" display="inline">
                  {rejected_field}
                </Box>
              </>
            )}
          </Box>
        </Alert>
      );
    case "FAILED":
      return (
        <Alert type="error" header="A workflow failed">
          <span className="written">{reason ?? "The mesh gave no reason."}</span> An operator of the mesh can start it
          again.
        </Alert>
      );
    case "PROVISIONED":
      return (
        <Alert type="success" header={request.sort === "access" ? "Ready to query" : "It is done"}>
          {request.sort === "access" && product == null && (
            <>
              The tables appear in your own account&apos;s catalog.{" "}
              <RouterLink href={`${paths.access}?domain=${encodeURIComponent(request.domain)}`}>My access</RouterLink>{" "}
              lists them.{" "}
            </>
          )}
          {request.sort === "access" && product != null && "The tables appear in your own account's catalog. "}
          {expires_at == null ? (
            "Access lasts until it is revoked."
          ) : (
            <>
              Access ends on <Time at={expires_at} /> ({distanceText(expires_at)}).
            </>
          )}
        </Alert>
      );
    case "EXPIRED":
    case "CANCELLED":
    case "REVOKED":
      return (
        <Alert
          type="info"
          header={
            status === "EXPIRED" ? "It has expired" : status === "CANCELLED" ? "It was taken back" : "It was revoked"
          }
        >
          <span className="written">{reason ?? "No reason was given."}</span>
        </Alert>
      );
    default:
      // An extension has no tables of its own to be linked: granted is all that it can become.
      if (status === "GRANTED" && request.sort !== "access") {
        return (
          <Alert type="success" header="Granted">
            It holds for the access that was extended or widened.
          </Alert>
        );
      }
      return (
        <Alert type="info" header="Under way">
          {waits ?? "The mesh is working on it."}
          {status === "REVOKING" && reason != null && <span className="written"> {reason}</span>}
        </Alert>
      );
  }
}

function Asked({ request }: { request: RequestDetail }) {
  const { domain, product, expression, sort, of, later_tables, principals, purpose, duration_days } = request;
  const tables = askedTables(request);
  return (
    <Container header={<Header variant="h2">What was asked</Header>}>
      <SpaceBetween size="m">
        <Details
          columns={2}
          items={[
            [
              product == null ? "Whatever carries the LF-tags" : "Product",
              product == null ? (
                expressionText(expression ?? {})
              ) : (
                <RouterLink key="product" href={paths.product(product.domain, product.name)}>
                  {product.domain}.{product.name}
                </RouterLink>
              ),
            ],
            ["Domain that asks", domain],
            [
              "Asked by",
              <span key="by" className="break">
                {request.requested_by ?? "a pipeline of the domain"}
              </span>,
            ],
            ["Asked", <Time key="at" at={request.requested_at} />],
            [
              "Sort",
              of == null ? null : (
                <span key="sort">
                  {SORTS[sort]} of <RouterLink href={paths.request(of)}>an earlier request</RouterLink>
                </span>
              ),
            ],
            ["Purpose", purpose],
            ["For", duration_days == null ? "as long as the policy allows" : plural(duration_days, "day")],
            ["Granted", request.granted_at == null ? null : <Time key="granted" at={request.granted_at} />],
            ["Ends", request.expires_at == null ? null : <Time key="expires" at={request.expires_at} />],
            ["Request id", <Copyable key="id" text={request.request_id} label="request id" />],
          ]}
        />
        {product != null && (
          <div>
            <Box variant="awsui-key-label">Tables</Box>
            {tables.length === 0 ? (
              "All tables that it had when it was asked"
            ) : (
              <ul className="plain">
                {tables.map(({ table, columns, rows }) => (
                  <li key={table}>
                    <Box variant="code">{table}</Box>: {columns === null ? "all columns" : columns.join(", ")}
                    {rows !== null && (
                      <>
                        ; rows where <Box variant="code">{rows}</Box>
                      </>
                    )}
                  </li>
                ))}
              </ul>
            )}
            {later_tables === "included" && <Box variant="small">And tables that come later.</Box>}
          </div>
        )}
        <div>
          <Box variant="awsui-key-label">Justification</Box>
          <div className="written">{request.justification}</div>
        </div>
        <div>
          <Box variant="awsui-key-label">Principals</Box>
          <ul className="plain break">
            {principals.map((principal) => (
              <li key={principal}>{principal}</li>
            ))}
          </ul>
        </div>
      </SpaceBetween>
    </Container>
  );
}

function Decision({ request }: { request: RequestDetail }) {
  const { rule, sensitive, reasons, stages, status } = request;
  return (
    <Container header={<Header variant="h2">Approval</Header>}>
      <SpaceBetween size="m">
        {rule == null ? (
          <Box color="text-body-secondary">
            {status === "REJECTED"
              ? "It was rejected before the policy was asked."
              : "The policy has not decided on it yet."}
          </Box>
        ) : (
          <div>
            Rule “{rule}” of the approval policy. {sensitive === true && "What is asked for is sensitive. "}
            {stages.length === 0 && status !== "PENDING" && "Nobody had to be asked."}
          </div>
        )}
        {reasons.length > 0 && (
          <ul className="reasons">
            {reasons.map((reason) => (
              <li key={reason}>{reason}</li>
            ))}
          </ul>
        )}
        {stages.length > 0 && <Stages stages={stages} />}
      </SpaceBetween>
    </Container>
  );
}

const TONES: Partial<Record<RequestDetail["status"], Happening["tone"]>> = {
  PENDING: "in-progress",
  APPROVED: "success",
  GRANTED: "success",
  PROVISIONED: "success",
  DENIED: "error",
  REJECTED: "error",
  FAILED: "error",
};

const ENTERED: Record<RequestDetail["status"], string> = {
  PENDING: "Asked, waits for approval",
  APPROVED: "Approved",
  GRANTED: "Granted",
  PROVISIONED: "Ready to query",
  DENIED: "Denied",
  REJECTED: "Rejected",
  EXPIRED: "Expired",
  CANCELLED: "Taken back",
  REVOKING: "Revocation begins",
  REVOKED: "Revoked",
  FAILED: "Failed",
};

/** The steps of its life, the newest first. */
function historyOf({ history }: RequestDetail): Happening[] {
  return history
    .map(({ status, at, by, why }, place): Happening => ({
      key: String(place),
      tone: status === "PENDING" && place < history.length - 1 ? "plain" : (TONES[status] ?? "plain"),
      title: ENTERED[status],
      at,
      about: `by ${actorText(by)}`,
      body: why === "" ? null : why,
    }))
    .reverse();
}

function Executions({ request }: { request: RequestDetail }) {
  const query = useExecutionsOfRequest(request.domain, request.request_id);
  return (
    <Container header={<Header variant="h2">Workflows</Header>}>
      <Loaded query={query} loading="Loading workflows">
        {(items) =>
          items.length === 0 ? (
            <Empty title="No workflow among the newest ones">
              <RouterLink href={paths.executions(request.domain)}>All executions of {request.domain}</RouterLink>
            </Empty>
          ) : (
            <ul className="rows">
              {items.map(({ execution_id, workflow, status, started_at, correlation_id }) => (
                <li key={execution_id}>
                  <div className="row">
                    <RouterLink href={paths.execution(execution_id)}>{workflow.replaceAll("_", " ")}</RouterLink>
                    <ExecutionStatus status={status} />
                  </div>
                  <Box variant="small" display="block">
                    <Time at={started_at} />
                    {correlation_id != null && (
                      <>
                        {" · "}
                        <RouterLink href={paths.operation(correlation_id)} fontSize="body-s">
                          its events
                        </RouterLink>
                      </>
                    )}
                  </Box>
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
    </Container>
  );
}
