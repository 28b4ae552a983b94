import Box from "@cloudscape-design/components/box";
import SpaceBetween from "@cloudscape-design/components/space-between";
import type { TableView } from "@/api/types";
import { List } from "@/components/list";
import { Empty } from "@/components/states";

/** Example rows out of the product's contract. The server gives them to those with access only. */
export function Samples({ tables }: { tables: readonly TableView[] }) {
  const shown = tables.filter(({ samples }) => samples != null);
  if (shown.length === 0) {
    return (
      <Empty title="Samples are for those with access">
        They come from the product&apos;s contract, not from its data.
      </Empty>
    );
  }
  return (
    <SpaceBetween size="l">
      <Box color="text-body-secondary">
        Examples that the owner wrote into the contract. They are not read from the data.
      </Box>
      {shown.map((table) => (
        <SampleRows key={table.name} table={table} />
      ))}
    </SpaceBetween>
  );
}

interface Row {
  key: string;
  values: Partial<Record<string, string>>;
}

function SampleRows({ table }: { table: TableView }) {
  const rows: Row[] = (table.samples ?? []).map(({ values }, place) => ({ values, key: String(place) }));
  const seen = new Set(rows.flatMap(({ values }) => Object.keys(values)));
  const names = (table.columns ?? []).map(({ name }) => name).filter((name) => seen.has(name));
  return (
    <List<Row>
      title={table.name}
      items={rows}
      rowKey={({ key }) => key}
      empty={<Empty title="The contract has no examples for this table" />}
      columns={names.map((name, place) => ({
        id: name,
        header: name,
        rowHeader: place === 0,
        cell: ({ values }) => values[name] ?? "–",
      }))}
    />
  );
}
