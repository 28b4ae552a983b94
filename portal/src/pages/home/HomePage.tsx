/** What waits for the person: decisions, requests on their way, and how the own domains are. */
import Box from "@cloudscape-design/components/box";
import Container from "@cloudscape-design/components/container";
import Grid from "@cloudscape-design/components/grid";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useQueries, useQuery } from "@tanstack/react-query";
import { unwrap } from "@/api/client";
import { useApi } from "@/api/context";
import { LIVE } from "@/api/live";
import { domainsOf, useMe } from "@/api/me";
import type { Me, RequestSummary } from "@/api/types";
import { Page } from "@/app/page";
import { paths } from "@/app/paths";
import { LifeStatus, LinkHealth, plural, RequestStatus, subjectOf, Time } from "@/components/format";
import { RouterButton, RouterLink } from "@/components/RouterLink";
import { Empty, Loaded, Loading } from "@/components/states";
import { SearchBox } from "@/pages/search/SearchBox";
import { useDomain } from "@/pages/domains/queries";
import { asProblem } from "@/api/problem";

const SHOWN = 5;

export default function HomePage() {
  const me = useMe();
  return (
    <Page title={me.data?.name == null ? "Home" : `Hello, ${me.data.name}`}>
      <Loaded query={me}>
        {(person) => (
          <SpaceBetween size="l">
            <Container header={<Header variant="h2">Find data</Header>}>
              <SearchBox text="" />
            </Container>
            <Grid gridDefinition={[{ colspan: { default: 12, xs: 6 } }, { colspan: { default: 12, xs: 6 } }]}>
              <Approvals />
              <MyRequests me={person} />
            </Grid>
            <MyDomains me={person} />
          </SpaceBetween>
        )}
      </Loaded>
    </Page>
  );
}

function Approvals() {
  const api = useApi();
  const query = useQuery({
    queryKey: ["approvals", "first"],
    queryFn: () => unwrap(api.GET("/v1/approvals", { params: { query: { limit: SHOWN } } })),
    refetchInterval: LIVE,
  });
  return (
    <Container
      fitHeight
      header={
        <Header
          variant="h2"
          counter={
            query.data === undefined || query.data.items.length === 0
              ? undefined
              : `(${query.data.items.length}${query.data.next_cursor == null ? "" : "+"})`
          }
          actions={<RouterButton href={paths.approvals}>All approvals</RouterButton>}
        >
          Waiting for your decision
        </Header>
      }
    >
      <Loaded query={query} loading="Loading approvals">
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="Nothing waits for you">Requests that you may decide on appear here by themselves.</Empty>
          ) : (
            <ul className="rows">
              {items.map((item) => (
                <li key={`${item.request_id}-${item.number}`}>
                  <RouterLink href={paths.approval(item.request_id, item.number)}>{subjectOf(item)}</RouterLink>
                  <Box variant="small" display="block">
                    for {item.domain}, asked by {item.requested_by ?? "a pipeline"}; to be decided by{" "}
                    <Time at={item.deadline} />
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

function useMyRequests(domains: readonly string[]) {
  const api = useApi();
  const queries = useQueries({
    queries: domains.map((domain) => ({
      queryKey: ["requests", domain, "first"],
      queryFn: () =>
        unwrap(
          api.GET("/v1/domains/{domain}/access-requests", { params: { path: { domain }, query: { limit: SHOWN } } }),
        ),
      refetchInterval: LIVE,
    })),
  });
  const loaded = queries.every(({ data }) => data !== undefined);
  const items = queries.flatMap(({ data }) => data?.items ?? []);
  items.sort((a, b) => (b.requested_at ?? "").localeCompare(a.requested_at ?? ""));
  const data: RequestSummary[] | undefined = loaded ? items.slice(0, SHOWN) : undefined;
  return {
    data,
    error: queries.find(({ error }) => error !== null)?.error ?? null,
    refetch: () => Promise.all(queries.map(({ refetch }) => refetch())),
  };
}

function MyRequests({ me }: { me: Me }) {
  const query = useMyRequests(domainsOf(me));
  return (
    <Container
      fitHeight
      header={
        <Header variant="h2" actions={<RouterButton href={paths.requests}>All requests</RouterButton>}>
          Requests of your domains
        </Header>
      }
    >
      <Loaded query={query} loading="Loading requests">
        {(items) =>
          items.length === 0 ? (
            <Empty title="No requests yet" action={<RouterButton href={paths.search}>Search for data</RouterButton>}>
              Find a product and ask for access to it.
            </Empty>
          ) : (
            <ul className="rows">
              {items.map((item) => (
                <li key={item.request_id}>
                  <div className="row">
                    <RouterLink href={paths.request(item.request_id)}>{subjectOf(item)}</RouterLink>
                    <RequestStatus status={item.status} />
                  </div>
                  <Box variant="small" display="block">
                    for {item.domain}, <Time at={item.requested_at} />
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

function MyDomains({ me }: { me: Me }) {
  const domains = domainsOf(me);
  return (
    <Container
      header={
        <Header variant="h2" actions={<RouterButton href={paths.domains}>All domains</RouterButton>}>
          Your domains
        </Header>
      }
    >
      {domains.length === 0 ? (
        <Empty title="You do not belong to a domain">An administrator of the mesh puts people into domains.</Empty>
      ) : (
        <ul className="rows">
          {domains.map((domain) => (
            <MyDomain key={domain} domain={domain} isOwner={domainsOf(me, "owner").includes(domain)} />
          ))}
        </ul>
      )}
    </Container>
  );
}

function MyDomain({ domain, isOwner }: { domain: string; isOwner: boolean }) {
  const query = useDomain(domain);
  if (query.data === undefined && query.error !== null && asProblem(query.error).status === 404) {
    return (
      <li className="row">
        <span>{domain} is not registered yet.</span>
        {isOwner && (
          <RouterButton href={`${paths.registerDomain}?domain=${encodeURIComponent(domain)}`}>Register it</RouterButton>
        )}
      </li>
    );
  }
  return (
    <li>
      {query.data === undefined && query.error === null ? (
        <Loading label={`Loading ${domain}`} />
      ) : (
        <Loaded query={query}>
          {({ status, link, product_count }) => (
            <div className="row">
              <RouterLink href={paths.domain(domain)}>{domain}</RouterLink>
              <LifeStatus status={status} />
              <LinkHealth link={link} />
              <span>{plural(product_count, "product")}</span>
            </div>
          )}
        </Loaded>
      )}
    </li>
  );
}
