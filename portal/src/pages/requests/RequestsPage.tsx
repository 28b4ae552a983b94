/** What the person's domains have asked for, the newest first. */
import Box from "@cloudscape-design/components/box";
import { domainsOf, inMesh, useMe } from "@/api/me";
import type { RequestSummary } from "@/api/types";
import { Page } from "@/app/page";
import { paths } from "@/app/paths";
import { Filter, useFilter } from "@/components/filters";
import { RequestStatus, subjectOf, Time } from "@/components/format";
import { List } from "@/components/list";
import { More } from "@/components/More";
import { RouterButton, RouterLink } from "@/components/RouterLink";
import { Empty, Loaded, Loading } from "@/components/states";
import { useDomains } from "@/pages/domains/queries";
import { GROUPS, inGroup, SORTS, waitsFor } from "./model";
import { useRequests } from "./queries";

export default function RequestsPage() {
  const { data: me } = useMe();
  const oversees = inMesh(me, "admin", "auditor", "operator");
  const known = useDomains({ enabled: oversees });
  const [domain, setDomain] = useFilter("domain");
  const [group, setGroup] = useFilter("status");
  const mine = domainsOf(me);
  const all = oversees
    ? [...new Set([...mine, ...(known.data ?? []).map(({ domain: name }) => name)])].sort()
    : [...mine].sort();
  const chosen = domain === "" ? mine : [domain];
  return (
    <Page
      title="My requests"
      description="What your domains have asked for, and what became of it."
      actions={
        <RouterButton href={paths.search} variant="primary">
          Find data to request
        </RouterButton>
      }
    >
      {me === undefined ? (
        <Loading label="Loading requests" />
      ) : all.length === 0 && !oversees ? (
        <Empty title="You do not belong to a domain">
          Access is asked for in the name of a domain. An administrator of the mesh puts people into domains.
        </Empty>
      ) : (
        <Requests
          domains={chosen}
          group={group}
          filter={
            <div className="filters">
              <Filter
                label="Domain"
                value={domain}
                choices={[
                  { value: "", label: mine.length === 0 ? "Choose a domain" : "All my domains" },
                  ...all.map((name) => ({ value: name, label: name })),
                ]}
                onChange={setDomain}
              />
              <Filter
                label="Status"
                value={group}
                choices={[
                  { value: "", label: "Any status" },
                  ...Object.entries(GROUPS).map(([value, { label }]) => ({ value, label })),
                ]}
                onChange={setGroup}
              />
            </div>
          }
        />
      )}
    </Page>
  );
}

function Requests({ domains, group, filter }: { domains: readonly string[]; group: string; filter: React.ReactNode }) {
  const query = useRequests(domains);
  if (domains.length === 0) {
    return <RequestList items={[]} filter={filter} empty={<Empty title="Choose a domain to see its requests" />} />;
  }
  return (
    <Loaded query={query} loading="Loading requests">
      {(items) => {
        const shown = items.filter(({ status }) => inGroup(status, group));
        return (
          <>
            <RequestList
              items={shown}
              loading={query.isPlaceholderData}
              filter={filter}
              empty={
                items.length === 0 ? (
                  <Empty
                    title="No requests yet"
                    action={<RouterButton href={paths.search}>Search for data</RouterButton>}
                  >
                    Find a product and ask for access to it.
                  </Empty>
                ) : (
                  <Empty title="No request stands so">
                    {query.hasNextPage ? "Among the newest ones. Older ones are shown on demand." : undefined}
                  </Empty>
                )
              }
            />
            <More of={query} label="Show older requests" />
          </>
        );
      }}
    </Loaded>
  );
}

function RequestList({
  items,
  filter,
  empty,
  loading = false,
}: {
  items: readonly RequestSummary[];
  filter: React.ReactNode;
  empty: React.ReactNode;
  loading?: boolean;
}) {
  return (
    <List
      title="Requests"
      items={items}
      loading={loading}
      filter={filter}
      rowKey={({ request_id }) => request_id}
      empty={empty}
      columns={[
        {
          id: "subject",
          header: "Asks for",
          rowHeader: true,
          minWidth: 180,
          cell: (item) => (
            <>
              <RouterLink href={paths.request(item.request_id)}>{subjectOf(item)}</RouterLink>
              {item.sort !== "access" && (
                <Box variant="small" display="block">
                  {SORTS[item.sort]}
                </Box>
              )}
            </>
          ),
        },
        { id: "domain", header: "Domain", minWidth: 110, cell: ({ domain }) => domain },
        {
          id: "status",
          header: "Status",
          minWidth: 220,
          cell: (item) => (
            <>
              <RequestStatus status={item.status} />
              {(item.reason ?? waitsFor(item)) !== null && (
                <Box variant="small" display="block">
                  {item.reason ?? waitsFor(item)}
                </Box>
              )}
            </>
          ),
        },
        {
          id: "by",
          header: "Asked by",
          minWidth: 200,
          cell: ({ requested_by }) => <span className="break">{requested_by ?? "a pipeline"}</span>,
        },
        { id: "at", header: "Asked", minWidth: 120, cell: ({ requested_at }) => <Time at={requested_at} /> },
        {
          id: "until",
          header: "Until",
          minWidth: 120,
          cell: ({ expires_at, status }) =>
            expires_at == null && (status === "PROVISIONED" || status === "GRANTED") ? (
              "not limited"
            ) : (
              <Time at={expires_at} />
            ),
        },
      ]}
    />
  );
}
