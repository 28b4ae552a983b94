/** What a grant shows: tables with their columns and rows, and what is held back. */
import Box from "@cloudscape-design/components/box";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import SpaceBetween from "@cloudscape-design/components/space-between";
import type { GrantOfProduct } from "@/api/types";
import { plural } from "./format";

const SHORT = 8;

export function GrantShown({ grant }: { grant: GrantOfProduct }) {
  const { tables, columns, rows, held_back, later_tables } = grant;
  if (tables.length === 0) return <>nothing at the moment</>;
  return (
    <SpaceBetween size="xs">
      {tables.map((table) => {
        const named = columns?.[table];
        const filter = rows?.[table];
        const held = held_back?.[table] ?? [];
        return (
          <div key={table}>
            <Box variant="code">{table}</Box>
            {named === undefined ? (
              ": all columns"
            ) : named.length <= SHORT ? (
              `: ${named.join(", ")}`
            ) : (
              <ExpandableSection
                variant="footer"
                headerText={plural(named.length, "column")}
                headerAriaLabel={`${plural(named.length, "column")} of ${table}`}
              >
                {named.join(", ")}
              </ExpandableSection>
            )}
            {filter !== undefined && (
              <Box variant="small" display="block">
                rows where <Box variant="code">{filter}</Box>
              </Box>
            )}
            {held.length > 0 && (
              <Box variant="small" display="block">
                held back until people agree: {held.join(", ")}
              </Box>
            )}
          </div>
        );
      })}
      {later_tables === "included" && <Box variant="small">and tables that come later</Box>}
    </SpaceBetween>
  );
}
