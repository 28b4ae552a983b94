import Box from "@cloudscape-design/components/box";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import SpaceBetween from "@cloudscape-design/components/space-between";
import TextFilter from "@cloudscape-design/components/text-filter";
import Badge from "@cloudscape-design/components/badge";
import { useState } from "react";
import type { ColumnView, TableView } from "@/api/types";
import { PiiBadge, plural, TagBadges } from "@/components/format";
import { List } from "@/components/list";
import { Empty } from "@/components/states";

/** Columns table by table, with what is known of each: type, comment, whether it is personal data, LF-tags. */
export function Schema({ tables, productTags }: { tables: readonly TableView[]; productTags: Record<string, string> }) {
  const [text, setText] = useState("");
  if (tables.length === 0) {
    return <Empty title="No tables yet">They appear here as soon as the product is registered.</Empty>;
  }
  const wanted = text.trim().toLowerCase();
  const fits = ({ name, comment }: ColumnView) => `${name} ${comment ?? ""}`.toLowerCase().includes(wanted);
  const all = tables.flatMap(({ columns }) => columns ?? []);
  return (
    <SpaceBetween size="m">
      {all.length > 10 && (
        <TextFilter
          filteringText={text}
          filteringPlaceholder="Find a column"
          filteringAriaLabel="Find a column"
          countText={wanted === "" ? "" : plural(all.filter(fits).length, "match", "matches")}
          onChange={({ detail }) => setText(detail.filteringText)}
        />
      )}
      {tables.map((table) => (
        <Table key={table.name} table={table} columns={(table.columns ?? []).filter(fits)} productTags={productTags} />
      ))}
    </SpaceBetween>
  );
}

function Table({
  table,
  columns,
  productTags,
}: {
  table: TableView;
  columns: ColumnView[];
  productTags: Record<string, string>;
}) {
  const own = Object.fromEntries(Object.entries(table.tags ?? {}).filter(([key, value]) => productTags[key] !== value));
  return (
    <ExpandableSection
      variant="container"
      defaultExpanded
      headerText={table.name}
      headerCounter={`(${plural(table.column_count, "column")})`}
      headerDescription={table.description ?? undefined}
    >
      <SpaceBetween size="s">
        {Object.keys(own).length > 0 && (
          <div>
            <TagBadges tags={own} />
          </div>
        )}
        {table.sensitive && (table.reasons ?? []).length > 0 && (
          <Box variant="small">People decide on access, because {(table.reasons ?? []).join("; ")}.</Box>
        )}
        <List
          untitled
          variant="embedded"
          title={`Columns of ${table.name}`}
          items={columns}
          rowKey={({ name }) => name}
          empty={
            <Empty
              title={
                (table.columns ?? []).length === 0
                  ? "No columns are known yet: the crawler finds them"
                  : "No column fits"
              }
            />
          }
          columns={[
            {
              id: "name",
              header: "Column",
              rowHeader: true,
              minWidth: 180,
              cell: ({ name, partition_key }) => (
                <>
                  <Box variant="code">{name}</Box> {partition_key && <Badge>partition</Badge>}
                </>
              ),
            },
            {
              id: "type",
              header: "Type",
              minWidth: 120,
              cell: ({ type }) => <span className="break">{type ?? "not known yet"}</span>,
            },
            { id: "comment", header: "Comment", minWidth: 160, cell: ({ comment }) => comment ?? "–" },
            {
              id: "pii",
              header: "Personal data",
              minWidth: 130,
              cell: ({ pii }) => (pii === false ? "No" : <PiiBadge pii={pii} />),
            },
            {
              id: "tags",
              header: "LF-tags",
              cell: ({ tags }) => (Object.keys(tags ?? {}).length === 0 ? "–" : <TagBadges tags={tags} />),
            },
          ]}
        />
        {table.truncated && <Box variant="small">There are more columns than are listed here.</Box>}
      </SpaceBetween>
    </ExpandableSection>
  );
}
