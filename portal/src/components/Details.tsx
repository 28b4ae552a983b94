import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import type { ReactNode } from "react";

/** Labels and values in columns. Values that are null are left out. */
export function Details({
  columns = 3,
  items,
}: {
  columns?: number;
  items: readonly (readonly [string, ReactNode])[];
}) {
  const shown = items.filter(([, value]) => value !== null && value !== undefined);
  return (
    <KeyValuePairs
      columns={columns}
      minColumnWidth={180}
      items={shown.map(([label, value]) => ({ label, value: value }))}
    />
  );
}
