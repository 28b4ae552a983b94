/** A product: what it holds, who may read it and how, and how its tables are. */
import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Tabs from "@cloudscape-design/components/tabs";
import { useState } from "react";
import { useNavigate, useParams } from "react-router";
import { unwrap } from "@/api/client";
import { useApi } from "@/api/context";
import { domainsOf, hasRole, seesInside, useMe } from "@/api/me";
import type { ProductDetail } from "@/api/types";
import { Page } from "@/app/page";
import { paths } from "@/app/paths";
import { ConfirmCommand } from "@/components/ConfirmCommand";
import { Details } from "@/components/Details";
import { Classification, CrawlState, LifeStatus, PiiBadge, TagBadges, Time } from "@/components/format";
import { useTab } from "@/components/hooks";
import { PeopleList } from "@/components/PeopleList";
import { RouterButton, RouterLink } from "@/components/RouterLink";
import { Empty, Loaded } from "@/components/states";
import { Lineage } from "./Lineage";
import { Queries } from "./Queries";
import { useProduct } from "./queries";
import { Samples } from "./Samples";
import { Schema } from "./Schema";
import { TablesState } from "./TablesState";

const MODES = { nrac: "By name", tbac: "By LF-tag", both: "By name and by LF-tag" };

export default function ProductPage() {
  const { domain = "", product = "" } = useParams();
  const { data: me } = useMe();
  const query = useProduct(domain, product);
  const [leaving, setLeaving] = useState(false);
  const inside = seesInside(me, domain);
  const detail = query.data;
  return (
    <Page
      title={`${domain}.${product}`}
      info={detail === undefined ? undefined : <LifeStatus status={detail.status} />}
      description={detail?.description}
      breadcrumbs={
        inside
          ? [
              { text: "Domains", href: paths.domains },
              { text: domain, href: paths.domain(domain) },
            ]
          : [{ text: "Search", href: paths.search }]
      }
      actions={
        detail === undefined ? undefined : (
          <SpaceBetween direction="horizontal" size="xs">
            {detail.may_edit && detail.status !== "DEREGISTERED" && (
              <Button onClick={() => setLeaving(true)}>Take out of the mesh</Button>
            )}
            {detail.may_edit && detail.status !== "DEREGISTERED" && (
              <RouterButton href={paths.editProduct(domain, product)}>Change</RouterButton>
            )}
            {detail.status === "REGISTERED" && domainsOf(me).some((mine) => mine !== domain) && (
              <RouterButton href={paths.requestProduct(domain, product)} variant="primary">
                Request access
              </RouterButton>
            )}
          </SpaceBetween>
        )
      }
    >
      <Loaded
        query={query}
        loading={`Loading ${domain}.${product}`}
        missing={
          <Empty
            title={`There is no product ${domain}.${product}`}
            action={<RouterButton href={paths.search}>Search</RouterButton>}
          >
            It does not exist, or the policy does not let you find it.
          </Empty>
        }
      >
        {(found) => <Product product={found} inside={inside} own={hasRole(me, domain)} />}
      </Loaded>
      {leaving && <TakeOut domain={domain} product={product} onClose={() => setLeaving(false)} />}
    </Page>
  );
}

function Product({ product, inside, own }: { product: ProductDetail; inside: boolean; own: boolean }) {
  const [tab, setTab] = useTab("schema");
  const { domain, error, classification, pii, access_mode, tags, owners, stewards, readable_by, crawl_status } =
    product;
  const tables = product.tables ?? [];
  const reads = (readable_by ?? []).length > 0;
  const tabs = [
    { id: "schema", label: "Schema", content: <Schema tables={tables} productTags={tags ?? {}} /> },
    { id: "tables", label: "Tables", content: <TablesState tables={tables} /> },
    { id: "query", label: "How to query", content: <Queries product={product} inside={inside} /> },
    { id: "samples", label: "Samples", content: <Samples tables={tables} /> },
    ...(inside ? [{ id: "lineage", label: "Who reads it", content: <Lineage product={product} /> }] : []),
  ];
  return (
    <SpaceBetween size="l">
      {error != null && (
        <Alert type="error" header="Its last registration failed">
          {error}
        </Alert>
      )}
      <Container header={<Header variant="h2">Overview</Header>}>
        <Details
          columns={4}
          items={[
            [
              "Domain",
              <RouterLink key="domain" href={paths.domain(domain)}>
                {domain}
              </RouterLink>,
            ],
            [
              "Classification",
              <SpaceBetween key="classification" direction="horizontal" size="xxs">
                <Classification value={classification} />
                <PiiBadge pii={pii} />
              </SpaceBetween>,
            ],
            ["Access", product.sensitive ? "People decide on it" : "Not sensitive"],
            ["Shared", MODES[access_mode]],
            [
              "Your access",
              reads ? `Through ${(readable_by ?? []).join(", ")}` : own ? "Your domain owns it" : "None yet",
            ],
            ["Schema", <CrawlState key="crawl" status={crawl_status} />],
            ["Registered", <Time key="registered" at={product.registered_at} />],
            ["LF-tags", Object.keys(tags ?? {}).length > 0 ? <TagBadges key="tags" tags={tags} /> : null],
            ["Owners, who decide", <PeopleList key="owners" people={owners} />],
            ["Stewards", (stewards ?? []).length > 0 ? <PeopleList key="stewards" people={stewards} /> : null],
          ]}
        />
      </Container>
      <Tabs
        ariaLabel={`About ${domain}.${product.name}`}
        activeTabId={tabs.some(({ id }) => id === tab) ? tab : "schema"}
        onChange={({ detail }) => setTab(detail.activeTabId)}
        tabs={tabs}
      />
    </SpaceBetween>
  );
}

function TakeOut({ domain, product, onClose }: { domain: string; product: string; onClose: () => void }) {
  const api = useApi();
  const navigate = useNavigate();
  return (
    <ConfirmCommand
      title={`Take ${domain}.${product} out of the mesh`}
      action="Take out of the mesh"
      name={product}
      doing={`Taking ${domain}.${product} out of the mesh`}
      success="The product is gone from the catalog. Its data is where it was."
      send={(headers) =>
        unwrap(
          api.DELETE("/v1/domains/{domain}/products/{product}", { params: { path: { domain, product } }, headers }),
        )
      }
      invalidates={[
        ["products", domain],
        ["product", domain, product],
      ]}
      onClose={(outcome) => {
        onClose();
        if (outcome === "succeeded") void navigate(paths.domain(domain));
      }}
    >
      All access to it ends, everybody who reads it loses it, and its tables leave the catalog. Its data stays where it
      is. It may be registered again later; access does not come back by itself.
    </ConfirmCommand>
  );
}
