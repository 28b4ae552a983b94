/** What the person's domains may read now: which tables, columns and rows, until when, and how. */
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Modal from "@cloudscape-design/components/modal";
import { useQueries } from "@tanstack/react-query";
import { useState } from "react";
import { unwrap } from "@/api/client";
import { useApi } from "@/api/context";
import { CALM } from "@/api/live";
import { domainsOf, inMesh, useMe } from "@/api/me";
import type { GrantOfProduct } from "@/api/types";
import { Page } from "@/app/page";
import { paths } from "@/app/paths";
import { CodeBlock } from "@/components/CodeBlock";
import { Filter, useFilter } from "@/components/filters";
import { expressionText, Time } from "@/components/format";
import { GrantShown } from "@/components/GrantShown";
import { List } from "@/components/list";
import { RouterButton, RouterLink } from "@/components/RouterLink";
import { Empty, Loaded, Loading } from "@/components/states";
import { distanceText } from "@/components/words";
import { useDomains } from "@/pages/domains/queries";
import { useProduct } from "@/pages/products/queries";
import { allPages } from "./model";

function useGrants(domains: readonly string[]) {
  const api = useApi();
  const queries = useQueries({
    queries: domains.map((domain) => ({
      queryKey: ["grants", domain],
      queryFn: () =>
        allPages((cursor) =>
          unwrap(
            api.GET("/v1/domains/{domain}/grants", {
              params: { path: { domain }, query: { limit: 200, ...(cursor !== undefined && { cursor }) } },
            }),
          ),
        ),
      refetchInterval: CALM,
    })),
  });
  const loaded = queries.every(({ data }) => data !== undefined);
  return {
    data: loaded ? queries.flatMap(({ data }) => data ?? []) : undefined,
    error: queries.find(({ error }) => error !== null)?.error ?? null,
    refetch: () => Promise.all(queries.map(({ refetch }) => refetch())),
  };
}

export default function AccessPage() {
  const { data: me } = useMe();
  const oversees = inMesh(me, "admin", "auditor", "operator");
  const known = useDomains({ enabled: oversees });
  const [domain, setDomain] = useFilter("domain");
  const mine = domainsOf(me);
  const all = oversees
    ? [...new Set([...mine, ...(known.data ?? []).map(({ domain: name }) => name)])].sort()
    : [...mine].sort();
  const filter =
    all.length > 1 || mine.length === 0 ? (
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
      </div>
    ) : undefined;
  return (
    <Page title="My access" description="What your domains may read now, and until when.">
      {me === undefined ? (
        <Loading label="Loading grants" />
      ) : all.length === 0 && !oversees ? (
        <Empty title="You do not belong to a domain">
          Access is granted to a domain. An administrator of the mesh puts people into domains.
        </Empty>
      ) : (
        <Grants domains={domain === "" ? mine : [domain]} filter={filter} />
      )}
    </Page>
  );
}

function Grants({ domains, filter }: { domains: readonly string[]; filter: React.ReactNode }) {
  const query = useGrants(domains);
  const [shown, setShown] = useState<GrantOfProduct | null>(null);
  return (
    <>
      <Loaded query={query} loading="Loading grants">
        {(grants) => (
          <List
            title="Grants"
            items={grants}
            filter={filter}
            // A grant by LF-tag is listed once for each product that it matches.
            rowKey={(grant) => `${grant.request_id} ${productOf(grant)}`}
            empty={
              domains.length === 0 ? (
                <Empty title="Choose a domain to see what it may read" />
              ) : (
                <Empty title="No access yet" action={<RouterButton href={paths.search}>Search for data</RouterButton>}>
                  What is granted to your domain appears here by itself.
                </Empty>
              )
            }
            columns={[
              {
                id: "product",
                header: "Product",
                rowHeader: true,
                minWidth: 150,
                cell: (grant) => <Product grant={grant} />,
              },
              ...(domains.length > 1
                ? [
                    {
                      id: "consumer",
                      header: "Domain",
                      minWidth: 100,
                      cell: ({ consumer }: GrantOfProduct) => consumer,
                    },
                  ]
                : []),
              { id: "shown", header: "Reads", minWidth: 220, cell: (grant) => <GrantShown grant={grant} /> },
              {
                id: "principals",
                header: "Principals",
                minWidth: 180,
                cell: ({ principals }) => (
                  <ul className="plain break">
                    {principals.map((principal) => (
                      <li key={principal}>{principal.replace(/^arn:aws[a-z-]*:iam::/, "")}</li>
                    ))}
                  </ul>
                ),
              },
              {
                id: "databases",
                header: "Own databases",
                minWidth: 140,
                cell: ({ databases }) =>
                  databases.length === 0 ? "not linked yet" : <span className="break">{databases.join(", ")}</span>,
              },
              {
                id: "until",
                header: "Until",
                minWidth: 130,
                cell: ({ expires_at }) =>
                  expires_at == null ? (
                    "not limited"
                  ) : (
                    <>
                      <Time at={expires_at} />
                      <Box variant="small" display="block">
                        {distanceText(expires_at)}
                      </Box>
                    </>
                  ),
              },
              {
                id: "more",
                header: "More",
                minWidth: 120,
                cell: (grant) => (
                  <>
                    {grant.product != null && grant.databases.length > 0 && (
                      <Button
                        variant="inline-link"
                        ariaLabel={`SQL to copy for ${productOf(grant)}`}
                        onClick={() => setShown(grant)}
                      >
                        SQL to copy
                      </Button>
                    )}
                    <div>
                      <RouterLink href={paths.request(grant.request_id)}>Its request</RouterLink>
                    </div>
                  </>
                ),
              },
            ]}
          />
        )}
      </Loaded>
      {shown?.product != null && <Sql product={shown.product} onClose={() => setShown(null)} />}
    </>
  );
}

function productOf({ product }: GrantOfProduct): string {
  return product == null ? "" : `${product.domain}.${product.name}`;
}

function Product({ grant }: { grant: GrantOfProduct }) {
  const { product, expression } = grant;
  return (
    <>
      {product == null ? (
        "no product at the moment"
      ) : (
        <RouterLink href={paths.product(product.domain, product.name)}>{productOf(grant)}</RouterLink>
      )}
      {expression != null && (
        <Box variant="small" display="block">
          by LF-tag: {expressionText(expression)}
        </Box>
      )}
    </>
  );
}

function Sql({ product, onClose }: { product: { domain: string; name: string }; onClose: () => void }) {
  const query = useProduct(product.domain, product.name, { live: false });
  return (
    <Modal
      visible
      size="large"
      header={`Query ${product.domain}.${product.name}`}
      closeAriaLabel="Close"
      onDismiss={onClose}
    >
      <Loaded query={query} loading="Loading SQL">
        {({ queries }) =>
          queries.length === 0 ? (
            <Empty title="Nothing to query yet">Its tables are not linked to your catalog yet.</Empty>
          ) : (
            <ul className="rows">
              {queries.map(({ table, database, sql }) => (
                <li key={`${database}.${table}`}>
                  <Box variant="small">
                    {table} in database {database}
                  </Box>
                  <CodeBlock code={sql} label={`SQL for ${table}`} />
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
    </Modal>
  );
}
