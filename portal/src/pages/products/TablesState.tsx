import Box from "@cloudscape-design/components/box";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import type { TableView } from "@/api/types";
import { Copyable } from "@/components/Copyable";
import { CrawlState, Time } from "@/components/format";
import { List } from "@/components/list";
import { Empty } from "@/components/states";

/** How the tables are: crawled, linked, where they lie. */
export function TablesState({ tables }: { tables: readonly TableView[] }) {
  const located = tables.some(({ location }) => location != null);
  return (
    <List
      title="Tables"
      items={tables}
      rowKey={({ name }) => name}
      empty={<Empty title="No tables yet" />}
      columns={[
        {
          id: "name",
          header: "Table",
          rowHeader: true,
          minWidth: 150,
          cell: ({ name, description }) => (
            <>
              {name}
              {description != null && (
                <Box variant="small" display="block">
                  {description}
                </Box>
              )}
            </>
          ),
        },
        { id: "format", header: "Format", cell: ({ format }) => format },
        {
          id: "crawl",
          header: "Crawler",
          minWidth: 180,
          cell: ({ crawl_status, crawl_error }) => (
            <>
              <CrawlState status={crawl_status} />
              {crawl_error != null && (
                <Box variant="small" display="block">
                  {crawl_error}
                </Box>
              )}
            </>
          ),
        },
        { id: "crawled", header: "Last crawled", minWidth: 150, cell: ({ crawled_at }) => <Time at={crawled_at} /> },
        {
          id: "linked",
          header: "In the producer's catalog",
          minWidth: 130,
          cell: ({ linked }) => (
            <StatusIndicator type={linked ? "success" : "pending"}>{linked ? "Linked" : "Not yet"}</StatusIndicator>
          ),
        },
        ...(located
          ? [
              {
                id: "location",
                header: "Location",
                minWidth: 220,
                cell: ({ name, location }: TableView) =>
                  location == null ? "–" : <Copyable text={location} label={`location of ${name}`} />,
              },
            ]
          : []),
      ]}
    />
  );
}
