import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Tabs from "@cloudscape-design/components/tabs";
import { useState } from "react";
import { useNavigate, useParams } from "react-router";
import { unwrap } from "@/api/client";
import { useApi } from "@/api/context";
import { mayManage, seesInside, useMe } from "@/api/me";
import type { DomainDetail, ExecutionSummary } from "@/api/types";
import { Page } from "@/app/page";
import { paths } from "@/app/paths";
import { ConfirmCommand } from "@/components/ConfirmCommand";
import { Copyable } from "@/components/Copyable";
import { Details } from "@/components/Details";
import {
  Classification,
  CrawlState,
  ExecutionStatus,
  LifeStatus,
  LinkHealth,
  PiiBadge,
  TagBadges,
  Time,
} from "@/components/format";
import { useTab } from "@/components/hooks";
import { List } from "@/components/list";
import { More } from "@/components/More";
import { PeopleList } from "@/components/PeopleList";
import { RouterButton, RouterLink } from "@/components/RouterLink";
import { Empty, Loaded } from "@/components/states";
import { useDomain, useLastExecutions, useProducts } from "./queries";

export default function DomainPage() {
  const { domain = "" } = useParams();
  const { data: me } = useMe();
  const query = useDomain(domain);
  const [tab, setTab] = useTab("products");
  const [leaving, setLeaving] = useState(false);
  const inside = seesInside(me, domain);
  const manages = mayManage(me, domain);
  const registered = query.data?.status === "REGISTERED";
  return (
    <Page
      title={domain}
      info={query.data === undefined ? undefined : <LifeStatus status={query.data.status} />}
      breadcrumbs={[{ text: "Domains", href: paths.domains }]}
      actions={
        manages && query.data !== undefined ? (
          <SpaceBetween direction="horizontal" size="xs">
            {registered && <Button onClick={() => setLeaving(true)}>Leave the mesh</Button>}
            <RouterButton href={`${paths.registerDomain}?domain=${encodeURIComponent(domain)}`}>
              Register again
            </RouterButton>
            {registered && (
              <RouterButton href={paths.registerProduct(domain)} variant="primary">
                Register product
              </RouterButton>
            )}
          </SpaceBetween>
        ) : undefined
      }
    >
      <Loaded
        query={query}
        loading={`Loading ${domain}`}
        missing={
          <Empty
            title={`There is no domain ${domain}`}
            action={<RouterButton href={paths.domains}>All domains</RouterButton>}
          />
        }
      >
        {(detail) => (
          <SpaceBetween size="l">
            {detail.error != null && (
              <Alert type="error" header="Its last registration failed">
                {detail.error}
              </Alert>
            )}
            <Overview detail={detail} />
            {inside ? (
              <Tabs
                ariaLabel={`About ${domain}`}
                activeTabId={tab}
                onChange={({ detail: { activeTabId } }) => setTab(activeTabId)}
                tabs={[
                  {
                    id: "products",
                    label: "Products",
                    content: <Products domain={domain} mayRegister={manages && registered} />,
                  },
                  { id: "details", label: "Details for members", content: <Inside detail={detail} /> },
                  { id: "executions", label: "Executions", content: <Executions domain={domain} /> },
                ]}
              />
            ) : (
              <Container header={<Header variant="h2">Products</Header>}>
                <RouterLink href={`${paths.search}?domain=${encodeURIComponent(domain)}`}>
                  Search the products of {domain}
                </RouterLink>
              </Container>
            )}
          </SpaceBetween>
        )}
      </Loaded>
      {leaving && <Leave domain={domain} onClose={() => setLeaving(false)} />}
    </Page>
  );
}

function Overview({ detail }: { detail: DomainDetail }) {
  const { link, databases, account_id, region, registered_at, tags } = detail;
  return (
    <Container header={<Header variant="h2">Overview</Header>}>
      <SpaceBetween size="m">
        <Details
          columns={4}
          items={[
            ["Link to the mesh", <LinkHealth key="link" link={link} />],
            ["Last told by central", <Time key="sent" at={link.last_sent_at} />],
            ["Last heard of", <Time key="heard" at={link.last_heard_at} />],
            ["Registered", <Time key="registered" at={registered_at} />],
            ["Account", account_id],
            ["Region", region],
            ["Database of what is shared by name", databases?.nrac],
            ["Database of what is shared by LF-tag", databases?.tbac],
            ["LF-tags", Object.keys(tags ?? {}).length > 0 ? <TagBadges key="tags" tags={tags} /> : null],
          ]}
        />
        {link.last_failure != null && (
          <Alert type="error" header="Its last workflow failed">
            {link.last_failure}
          </Alert>
        )}
      </SpaceBetween>
    </Container>
  );
}

function Products({ domain, mayRegister }: { domain: string; mayRegister: boolean }) {
  const products = useProducts(domain, true);
  const register = mayRegister ? (
    <RouterButton href={paths.registerProduct(domain)}>Register product</RouterButton>
  ) : undefined;
  return (
    <Loaded query={products} loading="Loading products">
      {(items) => (
        <>
          <List
            title="Products"
            items={items}
            rowKey={({ name }) => name}
            empty={
              <Empty title="No products yet" action={register}>
                A product is one or more tables that the domain offers to others.
              </Empty>
            }
            columns={[
              {
                id: "name",
                header: "Product",
                rowHeader: true,
                minWidth: 150,
                cell: ({ name, description }) => (
                  <>
                    <RouterLink href={paths.product(domain, name)}>{name}</RouterLink>
                    <Box variant="small" display="block" color="text-body-secondary">
                      {description}
                    </Box>
                  </>
                ),
              },
              {
                id: "status",
                header: "Workflow",
                minWidth: 150,
                cell: ({ status, error }) => (
                  <>
                    <LifeStatus status={status} />
                    {error != null && (
                      <Box variant="small" display="block">
                        {error}
                      </Box>
                    )}
                  </>
                ),
              },
              {
                id: "crawl",
                header: "Crawler",
                minWidth: 180,
                cell: ({ crawl_status }) => <CrawlState status={crawl_status} />,
              },
              { id: "tables", header: "Tables", cell: ({ table_count }) => table_count },
              {
                id: "classification",
                header: "Classification",
                minWidth: 140,
                cell: ({ classification, pii }) => (
                  <SpaceBetween direction="horizontal" size="xxs">
                    <Classification value={classification} />
                    <PiiBadge pii={pii} />
                  </SpaceBetween>
                ),
              },
            ]}
          />
          <More of={products} label="Show more products" />
        </>
      )}
    </Loaded>
  );
}

function Inside({ detail }: { detail: DomainDetail }) {
  const { owners, stewards, location, bus_arn, config_secret_arn } = detail;
  return (
    <Container header={<Header variant="h2">Details for members</Header>}>
      <Details
        columns={2}
        items={[
          ["Owners, who decide on requests", <PeopleList key="owners" people={owners} />],
          ["Stewards", <PeopleList key="stewards" people={stewards} />],
          [
            "Where its products live",
            location == null ? null : <Copyable key="location" text={location} label="location" />,
          ],
          ["Event bus", bus_arn == null ? null : <Copyable key="bus" text={bus_arn} label="ARN of the event bus" />],
          [
            "Config secret",
            config_secret_arn == null ? null : (
              <Copyable key="secret" text={config_secret_arn} label="ARN of the config secret" />
            ),
          ],
        ]}
      />
    </Container>
  );
}

function Executions({ domain }: { domain: string }) {
  const executions = useLastExecutions(domain, true);
  return (
    <Loaded query={executions} loading="Loading executions">
      {({ items }) => (
        <List<ExecutionSummary>
          title="Last executions of workflows"
          count={false}
          items={items}
          rowKey={({ execution_id }) => execution_id}
          actions={<RouterButton href={paths.executions(domain)}>All executions</RouterButton>}
          empty={<Empty title="No workflow has run for this domain yet" />}
          columns={[
            {
              id: "workflow",
              header: "Workflow",
              rowHeader: true,
              minWidth: 160,
              cell: ({ workflow, execution_id }) => (
                <RouterLink href={paths.execution(execution_id)}>{workflow}</RouterLink>
              ),
            },
            {
              id: "status",
              header: "Status",
              minWidth: 130,
              cell: ({ status }) => <ExecutionStatus status={status} />,
            },
            { id: "subject", header: "About", cell: ({ subject }) => subject ?? "–" },
            { id: "started", header: "Started", minWidth: 140, cell: ({ started_at }) => <Time at={started_at} /> },
          ]}
        />
      )}
    </Loaded>
  );
}

function Leave({ domain, onClose }: { domain: string; onClose: () => void }) {
  const api = useApi();
  const navigate = useNavigate();
  return (
    <ConfirmCommand
      title={`Take ${domain} out of the mesh`}
      action="Leave the mesh"
      name={domain}
      doing={`Taking ${domain} out of the mesh`}
      success={`${domain} has left the mesh. Its data is where it was.`}
      send={(headers) => unwrap(api.DELETE("/v1/domains/{domain}", { params: { path: { domain } }, headers }))}
      invalidates={[["domains"], ["domain", domain]]}
      onClose={(outcome) => {
        onClose();
        if (outcome === "succeeded") void navigate(paths.domains);
      }}
    >
      {domain} can leave only when nothing of it is in use: no product is registered and no access is granted to it. Its
      data stays where it is. It may register again later.
    </ConfirmCommand>
  );
}
