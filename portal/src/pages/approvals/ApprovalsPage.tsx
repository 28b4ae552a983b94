/** What waits for the person's decision, the nearest deadline first. */
import Badge from "@cloudscape-design/components/badge";
import Box from "@cloudscape-design/components/box";
import { Page } from "@/app/page";
import { paths } from "@/app/paths";
import { subjectOf, Time } from "@/components/format";
import { List } from "@/components/list";
import { More } from "@/components/More";
import { RouterLink } from "@/components/RouterLink";
import { Empty, Loaded } from "@/components/states";
import { distanceText } from "@/components/words";
import { useApprovals } from "./queries";

export default function ApprovalsPage() {
  const query = useApprovals();
  return (
    <Page title="Approvals" description="Requests for access that wait for your decision, the nearest deadline first.">
      <Loaded query={query} loading="Loading approvals">
        {(items) => (
          <>
            <List
              title="Waiting for your decision"
              items={items}
              rowKey={({ request_id, number }) => `${request_id}-${number}`}
              empty={
                <Empty title="Nothing waits for you">
                  Requests that you may decide on appear here by themselves. Who decides is said by the approval policy.
                </Empty>
              }
              columns={[
                {
                  id: "subject",
                  header: "Asks for",
                  rowHeader: true,
                  minWidth: 170,
                  cell: (item) => (
                    <>
                      <RouterLink href={paths.approval(item.request_id, item.number)}>{subjectOf(item)}</RouterLink>{" "}
                      {item.sensitive && <Badge color="severity-high">sensitive</Badge>}
                    </>
                  ),
                },
                { id: "domain", header: "Domain that asks", minWidth: 130, cell: ({ domain }) => domain },
                {
                  id: "by",
                  header: "Asked by",
                  minWidth: 190,
                  cell: ({ requested_by }) => <span className="break">{requested_by ?? "a pipeline"}</span>,
                },
                {
                  id: "why",
                  header: "Why",
                  minWidth: 240,
                  cell: ({ justification }) => <span className="written">{shortened(justification)}</span>,
                },
                { id: "stage", header: "Stage", minWidth: 100, cell: ({ name }) => name },
                {
                  id: "deadline",
                  header: "Decide by",
                  minWidth: 130,
                  cell: ({ deadline }) => (
                    <>
                      <Time at={deadline} />
                      <Box variant="small" display="block">
                        {distanceText(deadline)}
                      </Box>
                    </>
                  ),
                },
              ]}
            />
            <More of={query} label="Show more approvals" />
          </>
        )}
      </Loaded>
    </Page>
  );
}

function shortened(text: string): string {
  return text.length <= 200 ? text : `${text.slice(0, 199)}…`;
}
