import Box from "@cloudscape-design/components/box";
import type { ExecutionSummary } from "@/api/types";
import { paths } from "@/app/paths";
import { ExecutionStatus, Time } from "@/components/format";
import { List } from "@/components/list";
import { RouterLink } from "@/components/RouterLink";
import { lasted } from "./model";

interface Props {
  items: readonly ExecutionSummary[];
  empty: React.ReactNode;
  filter?: React.ReactNode;
  loading?: boolean;
}

export function ExecutionList({ items, empty, filter, loading = false }: Props) {
  return (
    <List
      title="Executions of workflows"
      items={items}
      loading={loading}
      filter={filter}
      rowKey={({ execution_id }) => execution_id}
      empty={empty}
      columns={[
        {
          id: "workflow",
          header: "Workflow",
          rowHeader: true,
          minWidth: 170,
          cell: ({ workflow, execution_id }) => (
            <RouterLink href={paths.execution(execution_id)}>{workflow.replaceAll("_", " ")}</RouterLink>
          ),
        },
        {
          id: "status",
          header: "Status",
          minWidth: 200,
          cell: ({ status, error }) => (
            <>
              <ExecutionStatus status={status} />
              {error != null && (
                <Box variant="small" display="block">
                  <span className="break">{error}</span>
                </Box>
              )}
            </>
          ),
        },
        {
          id: "subject",
          header: "About",
          minWidth: 160,
          cell: ({ subject }) => <Subject subject={subject ?? null} />,
        },
        { id: "domain", header: "Domain", minWidth: 100, cell: ({ domain }) => domain ?? "–" },
        { id: "started", header: "Started", minWidth: 130, cell: ({ started_at }) => <Time at={started_at} exact /> },
        { id: "lasted", header: "Took", minWidth: 90, cell: (item) => lasted(item) ?? "–" },
      ]}
    />
  );
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** What an execution is about: a product, a domain, or a request, which is named by its id. */
export function Subject({ subject }: { subject: string | null }) {
  if (subject === null) return <>–</>;
  if (UUID.test(subject)) return <RouterLink href={paths.request(subject)}>Request {subject.slice(-6)}</RouterLink>;
  const [domain = "", product = ""] = subject.split(".");
  if (product === "") return <RouterLink href={paths.domain(domain)}>{subject}</RouterLink>;
  return <RouterLink href={paths.product(domain, product)}>{subject}</RouterLink>;
}
