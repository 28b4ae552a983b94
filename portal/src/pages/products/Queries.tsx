import Box from "@cloudscape-design/components/box";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import type { ProductDetail } from "@/api/types";
import { paths } from "@/app/paths";
import { CodeBlock } from "@/components/CodeBlock";
import { RouterButton } from "@/components/RouterLink";
import { Empty } from "@/components/states";

/** SQL to copy, for those with access; the way to access for all others. */
export function Queries({ product, inside }: { product: ProductDetail; inside: boolean }) {
  const queries = product.queries ?? [];
  if (queries.length === 0) {
    return (
      <Empty
        title={inside ? "Nothing to query yet" : "You have no access yet"}
        action={
          product.status === "REGISTERED" ? (
            <RouterButton href={paths.requestProduct(product.domain, product.name)}>Request access</RouterButton>
          ) : undefined
        }
      >
        With access the tables appear as ordinary tables in your own account&apos;s catalog; the SQL for them stands
        here.
      </Empty>
    );
  }
  return (
    <SpaceBetween size="l">
      <Box color="text-body-secondary">
        Run it in Athena, in your own account, with a role that was granted access. Only what was granted comes back.
      </Box>
      {queries.map(({ table, database, sql }) => (
        <Container
          key={`${database}.${table}`}
          header={
            <Header variant="h3" description={`Database ${database}`}>
              {table}
            </Header>
          }
        >
          <CodeBlock code={sql} label={`SQL for ${table}`} />
        </Container>
      ))}
    </SpaceBetween>
  );
}
