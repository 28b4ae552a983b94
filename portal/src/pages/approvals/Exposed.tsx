/** What a request would show, table by table, beside what can be read already. */
import Badge from "@cloudscape-design/components/badge";
import Box from "@cloudscape-design/components/box";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Table from "@cloudscape-design/components/table";
import type { ExposedTable } from "@/api/types";
import { plural } from "@/components/format";
import { useNarrow } from "@/components/hooks";
import { Empty } from "@/components/states";
import { columnsOf, sumOf, unnamedOf, type ColumnRow } from "./model";

export function Exposed({ exposed, domain }: { exposed: readonly ExposedTable[]; domain: string }) {
  const { tables, shown, fresh, sensitive } = sumOf(exposed);
  return (
    <Container
      header={
        <Header
          variant="h2"
          description={`${plural(shown, "column")} of ${plural(tables, "table")}: ${fresh} new to ${domain}, ${sensitive} sensitive.`}
        >
          What will be exposed
        </Header>
      }
    >
      {exposed.length === 0 ? (
        <Empty title="Nothing would be shown now">What comes later under these LF-tags would be.</Empty>
      ) : (
        <SpaceBetween size="l">
          {exposed.map((table) => (
            <TableDiff key={table.name} table={table} domain={domain} />
          ))}
        </SpaceBetween>
      )}
    </Container>
  );
}

function TableDiff({ table, domain }: { table: ExposedTable; domain: string }) {
  const narrow = useNarrow();
  const unnamed = unnamedOf(table);
  const already = (table.already ?? []).length;
  return (
    <section aria-label={`Table ${table.name}`}>
      <SpaceBetween size="xs">
        <Header
          variant="h3"
          description={
            already === 0 ? `${domain} reads nothing of it yet.` : `${domain} reads ${plural(already, "column")} of it.`
          }
        >
          {table.name}
        </Header>
        <div>Rows: {table.rows == null ? "all" : <Box variant="code">{table.rows}</Box>}</div>
        <Table<ColumnRow>
          variant="embedded"
          contentDensity="compact"
          wrapLines
          items={columnsOf(table)}
          trackBy="name"
          ariaLabels={{ tableLabel: `Columns of ${table.name}` }}
          columnDefinitions={[
            {
              id: "name",
              header: "Column",
              isRowHeader: true,
              minWidth: 110,
              cell: ({ name, change, sensitive }) => (
                <>
                  <Box variant="code" color={change === "hidden" ? "text-body-secondary" : "inherit"}>
                    <span className="break">{name}</span>
                  </Box>
                  {narrow && sensitive && <Sensitive />}
                </>
              ),
            },
            {
              id: "change",
              header: "With the approval",
              minWidth: 120,
              cell: ({ change }) => <Change change={change} />,
            },
            // On a phone a third column would be cut off, and it is the one that must not be overlooked.
            ...(narrow
              ? []
              : [
                  {
                    id: "sensitive",
                    header: "Sensitive",
                    minWidth: 90,
                    cell: ({ sensitive, change }: ColumnRow) =>
                      sensitive ? <Sensitive /> : change === "hidden" ? "" : "no",
                  },
                ]),
          ]}
          empty={<Empty title="Its columns are not known yet" />}
        />
        {unnamed > 0 && (
          <Box variant="small">And {plural(unnamed, "column")} more, which the list is too long to name.</Box>
        )}
      </SpaceBetween>
    </section>
  );
}

function Sensitive() {
  return <Badge color="severity-high">sensitive</Badge>;
}

function Change({ change }: { change: ColumnRow["change"] }) {
  switch (change) {
    case "new":
      return <StatusIndicator type="warning">Newly shown</StatusIndicator>;
    case "already":
      return <StatusIndicator type="success">Read already</StatusIndicator>;
    case "hidden":
      return <StatusIndicator type="stopped">Stays hidden</StatusIndicator>;
  }
}
