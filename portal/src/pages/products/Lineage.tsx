/** From where a product's data lies to whoever reads it: a picture of three columns, and the grants one by one. */
import Box from "@cloudscape-design/components/box";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import type { GrantOfProduct, ProductDetail } from "@/api/types";
import { paths } from "@/app/paths";
import { expressionText, Time } from "@/components/format";
import { List } from "@/components/list";
import { More } from "@/components/More";
import { RouterLink } from "@/components/RouterLink";
import { Empty, Loaded } from "@/components/states";
import { useProductGrants } from "./queries";

export function Lineage({ product }: { product: ProductDetail }) {
  const grants = useProductGrants(product.domain, product.name);
  return (
    <Loaded query={grants} loading="Loading who reads it">
      {(items) => (
        <SpaceBetween size="l">
          <Picture product={product} grants={items} />
          <Grants grants={items} />
          <More of={grants} label="Show more grants" />
        </SpaceBetween>
      )}
    </Loaded>
  );
}

function readersOf(table: string, grants: readonly GrantOfProduct[]): string[] {
  return [...new Set(grants.filter(({ tables }) => tables.includes(table)).map(({ consumer }) => consumer))].sort();
}

function Picture({ product, grants }: { product: ProductDetail; grants: readonly GrantOfProduct[] }) {
  const tables = product.tables ?? [];
  return (
    <Container header={<Header variant="h2">From source to readers</Header>}>
      {tables.length === 0 ? (
        <Empty title="No tables yet" />
      ) : (
        <ul className="plain lineage">
          {tables.map(({ name, location, format }) => {
            const readers = readersOf(name, grants);
            return (
              <li key={name}>
                <div className="node source">
                  <Box variant="small">Source, {format}</Box>
                  <span className="break">{location ?? `Lake of ${product.domain}`}</span>
                </div>
                <div className="node table">
                  <Box variant="small">Table</Box>
                  {name}
                </div>
                <div className="node readers">
                  <Box variant="small">Read by</Box>
                  {readers.length === 0 ? "nobody yet" : readers.join(", ")}
                </div>
              </li>
            );
          })}
        </ul>
      )}
    </Container>
  );
}

function Grants({ grants }: { grants: readonly GrantOfProduct[] }) {
  return (
    <List
      title="Grants"
      items={grants}
      rowKey={({ request_id }) => request_id}
      empty={<Empty title="Nobody has access yet">Requests for it are decided on by its owners.</Empty>}
      columns={[
        {
          id: "consumer",
          header: "Consumer",
          rowHeader: true,
          minWidth: 120,
          cell: ({ consumer, request_id }) => <RouterLink href={paths.request(request_id)}>{consumer}</RouterLink>,
        },
        {
          id: "shown",
          header: "Reads",
          minWidth: 200,
          cell: (grant) => <Shown grant={grant} />,
        },
        {
          id: "principals",
          header: "Principals",
          minWidth: 250,
          cell: ({ principals }) => (
            <ul className="plain break">
              {principals.map((principal) => (
                <li key={principal}>{principal.replace(/^arn:aws[a-z-]*:iam::/, "")}</li>
              ))}
            </ul>
          ),
        },
        { id: "granted", header: "Granted", minWidth: 120, cell: ({ granted_at }) => <Time at={granted_at} /> },
        {
          id: "expires",
          header: "Until",
          minWidth: 120,
          cell: ({ expires_at }) => (expires_at == null ? "not limited" : <Time at={expires_at} />),
        },
      ]}
    />
  );
}

function Shown({ grant }: { grant: GrantOfProduct }) {
  const { tables, columns, rows, held_back, expression, later_tables } = grant;
  return (
    <SpaceBetween size="xxs">
      {expression != null && <div>By LF-tag: {expressionText(expression)}</div>}
      {tables.map((table) => {
        const named = columns?.[table];
        const filter = rows?.[table];
        const held = held_back?.[table] ?? [];
        return (
          <div key={table}>
            <Box variant="code">{table}</Box>
            {named !== undefined && <>: {named.join(", ")}</>}
            {filter !== undefined && <>; rows where {filter}</>}
            {held.length > 0 && (
              <Box variant="small" display="block">
                held back: {held.join(", ")}
              </Box>
            )}
          </div>
        );
      })}
      {later_tables === "included" && <Box variant="small">and tables that come later</Box>}
    </SpaceBetween>
  );
}
