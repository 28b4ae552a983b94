/** What registering would do: problems with their places, changes, and who is hit by those that break. */
import Alert from "@cloudscape-design/components/alert";
import Badge from "@cloudscape-design/components/badge";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import type { ProductPlan } from "@/api/types";
import { paths } from "@/app/paths";
import { List } from "@/components/list";
import { RouterLink } from "@/components/RouterLink";
import { breakingFirst, inOrder, placeOf, subjectOfChange, verdictOf } from "./plan";

export function PlanView({ plan, onGoTo }: { plan: ProductPlan; onGoTo?: (line: number, column: number) => void }) {
  const { possible, breaking, says } = verdictOf(plan);
  const problems = inOrder(plan.problems ?? []);
  const changes = breakingFirst(plan.changes ?? []);
  const affected = plan.affected ?? [];
  return (
    <SpaceBetween size="l">
      <div role="status">
        <Alert type={!possible ? "error" : breaking ? "warning" : "success"} header={says} />
      </div>
      {problems.length > 0 && (
        <List
          title="Problems"
          items={problems}
          rowKey={({ field, message, line, column }) => `${field} ${line} ${column} ${message}`}
          empty={null}
          columns={[
            {
              id: "severity",
              header: "Severity",
              minWidth: 110,
              cell: ({ severity }) => (
                <StatusIndicator type={severity}>{severity === "error" ? "Error" : "Warning"}</StatusIndicator>
              ),
            },
            {
              id: "place",
              header: "Place",
              minWidth: 150,
              cell: (problem) =>
                problem.line != null && onGoTo !== undefined ? (
                  <Button
                    variant="inline-link"
                    ariaLabel={`Go to ${placeOf(problem)}`}
                    onClick={() => onGoTo(problem.line ?? 1, problem.column ?? 1)}
                  >
                    {placeOf(problem)}
                  </Button>
                ) : (
                  placeOf(problem)
                ),
            },
            {
              id: "what",
              header: "What",
              rowHeader: true,
              cell: ({ field, message }) => (
                <>
                  <Box variant="code">{field}</Box>
                  <div>{message}</div>
                </>
              ),
            },
          ]}
        />
      )}
      {changes.length > 0 && (
        <List
          title="Changes"
          items={changes}
          rowKey={(change) => `${change.kind} ${subjectOfChange(change)} ${change.what}`}
          empty={null}
          columns={[
            {
              id: "subject",
              header: "Of",
              rowHeader: true,
              minWidth: 140,
              cell: (change) => <Box variant="code">{subjectOfChange(change)}</Box>,
            },
            {
              id: "kind",
              header: "Change",
              minWidth: 160,
              cell: ({ kind, what, breaking: breaks, refused }) => (
                <SpaceBetween direction="horizontal" size="xs">
                  <span>
                    {what} {kind}
                  </span>
                  {refused ? (
                    <Badge color="severity-critical">refused</Badge>
                  ) : (
                    breaks && <Badge color="severity-high">breaking</Badge>
                  )}
                </SpaceBetween>
              ),
            },
            { id: "before", header: "Before", cell: ({ before }) => before ?? "–" },
            { id: "after", header: "After", cell: ({ after }) => after ?? "–" },
          ]}
        />
      )}
      {affected.length > 0 && (
        <List
          title="Consumers that are hit"
          description="They read what would change in a way that breaks."
          items={affected}
          rowKey={({ request_id }) => request_id}
          empty={null}
          columns={[
            { id: "consumer", header: "Consumer", rowHeader: true, cell: ({ consumer }) => consumer },
            { id: "tables", header: "Tables", cell: ({ tables }) => tables.join(", ") },
            {
              id: "principals",
              header: "Principals",
              cell: ({ principals }) => (
                <ul className="plain break">
                  {principals.map((principal) => (
                    <li key={principal}>{principal}</li>
                  ))}
                </ul>
              ),
            },
            {
              id: "request",
              header: "Request",
              cell: ({ request_id }) => <RouterLink href={paths.request(request_id)}>Open request</RouterLink>,
            },
          ]}
        />
      )}
    </SpaceBetween>
  );
}
