/** A stage of an approval: what would be exposed, to whom and why, and the decision. */
import Alert from "@cloudscape-design/components/alert";
import Badge from "@cloudscape-design/components/badge";
import Box from "@cloudscape-design/components/box";
import Container from "@cloudscape-design/components/container";
import Grid from "@cloudscape-design/components/grid";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useParams } from "react-router";
import { seesInside, useMe } from "@/api/me";
import type { ApprovalDetail } from "@/api/types";
import { Page } from "@/app/page";
import { paths } from "@/app/paths";
import { Details } from "@/components/Details";
import { expressionText, plural, subjectOf, Time } from "@/components/format";
import { useNarrow } from "@/components/hooks";
import { RouterButton, RouterLink } from "@/components/RouterLink";
import { Stages, StageStatus } from "@/components/Stages";
import { Empty, Loaded } from "@/components/states";
import { distanceText } from "@/components/words";
import { DecisionForm } from "./DecisionForm";
import { Exposed } from "./Exposed";
import { useApproval } from "./queries";

export default function ApprovalPage() {
  const { requestId = "", number = "" } = useParams();
  const place = /^\d{1,2}$/.test(number) ? Number(number) : 0;
  const query = useApproval(requestId, place);
  const approval = query.data;
  return (
    <Page
      title={approval === undefined ? "Approval" : `Access to ${subjectOf(approval)} for ${approval.domain}`}
      info={approval === undefined ? undefined : <StageStatus status={approval.status} />}
      breadcrumbs={[{ text: "Approvals", href: paths.approvals }]}
    >
      <Loaded
        query={query}
        loading="Loading the approval"
        missing={
          <Empty
            title="There is nothing to decide here"
            action={<RouterButton href={paths.approvals}>What waits for you</RouterButton>}
          >
            There is no such stage, or you are not among those who were asked.
          </Empty>
        }
      >
        {(detail) => <Approval approval={detail} onLookAgain={() => void query.refetch()} />}
      </Loaded>
    </Page>
  );
}

function Approval({ approval, onLookAgain }: { approval: ApprovalDetail; onLookAgain: () => void }) {
  const narrow = useNarrow();
  const exposed = <Exposed exposed={approval.exposed} domain={approval.domain} />;
  const asks = <Asks approval={approval} />;
  const decision = approval.may_decide && (
    <DecisionForm key={`${approval.request_id}-${approval.number}`} approval={approval} onLookAgain={onLookAgain} />
  );
  const stages = (
    <Container header={<Header variant="h2">Stages</Header>}>
      <Stages stages={approval.stages} current={approval.number} />
    </Container>
  );
  return (
    <SpaceBetween size="l">
      <div role="status">
        <Standing approval={approval} />
      </div>
      {narrow ? (
        // Whoever decides has come past all that there is to know.
        <SpaceBetween size="l">
          {asks}
          {exposed}
          {stages}
          {decision}
        </SpaceBetween>
      ) : (
        <Grid gridDefinition={[{ colspan: { default: 12, xs: 7 } }, { colspan: { default: 12, xs: 5 } }]}>
          <SpaceBetween size="l">
            {exposed}
            {decision}
          </SpaceBetween>
          <SpaceBetween size="l">
            {asks}
            {stages}
          </SpaceBetween>
        </Grid>
      )}
    </SpaceBetween>
  );
}

function Standing({ approval }: { approval: ApprovalDetail }) {
  const { may_decide, why_not, status, deadline } = approval;
  if (may_decide) {
    return (
      <Alert type="info" header="It waits for your decision">
        Until <Time at={deadline} /> ({distanceText(deadline)}). Read what will be exposed, then approve or deny below
        it.
      </Alert>
    );
  }
  return (
    <Alert
      type={status === "OPEN" ? "warning" : "info"}
      header={status === "OPEN" ? "Not yours to decide" : "It is over"}
    >
      {why_not ?? "You may not decide on this stage."}
    </Alert>
  );
}

function Asks({ approval }: { approval: ApprovalDetail }) {
  const { data: me } = useMe();
  const { domain, product, expression, requested_by, justification, purpose, duration_days, principals, reasons } =
    approval;
  return (
    <Container header={<Header variant="h2">Who asks, and why</Header>}>
      <SpaceBetween size="m">
        <div>
          <Box variant="awsui-key-label">Justification</Box>
          <div className="written">{justification}</div>
        </div>
        <Details
          columns={2}
          items={[
            [
              "Domain that asks",
              <RouterLink key="domain" href={paths.domain(domain)}>
                {domain}
              </RouterLink>,
            ],
            [
              "Asked by",
              <span key="by" className="break">
                {requested_by ?? "a pipeline of the domain"}
              </span>,
            ],
            [
              product == null ? "Whatever carries the LF-tags" : "Product",
              product == null ? (
                expressionText(expression ?? {})
              ) : (
                <RouterLink key="product" href={paths.product(product.domain, product.name)}>
                  {subjectOf(approval)}
                </RouterLink>
              ),
            ],
            ["Purpose", purpose ?? "none was named"],
            ["For", duration_days == null ? "until it is revoked" : plural(duration_days, "day")],
            [
              "Sensitive",
              approval.sensitive ? (
                <Badge key="sensitive" color="severity-high">
                  sensitive
                </Badge>
              ) : (
                "no"
              ),
            ],
          ]}
        />
        <div>
          <Box variant="awsui-key-label">Principals that would read it</Box>
          <ul className="plain break">
            {principals.map((principal) => (
              <li key={principal}>{principal}</li>
            ))}
          </ul>
        </div>
        {reasons.length > 0 && (
          <div>
            <Box variant="awsui-key-label">Why people are asked</Box>
            <ul className="reasons">
              {reasons.map((reason) => (
                <li key={reason}>{reason}</li>
              ))}
            </ul>
          </div>
        )}
        {(seesInside(me, domain) || product == null || seesInside(me, product.domain)) && (
          <RouterLink href={paths.request(approval.request_id)}>The request and its history</RouterLink>
        )}
      </SpaceBetween>
    </Container>
  );
}
