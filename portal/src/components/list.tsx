/** Lists: tables with a name for screen readers and an empty state; on phones the same as cards, a row each. */
import Cards from "@cloudscape-design/components/cards";
import Header from "@cloudscape-design/components/header";
import Table, { type TableProps } from "@cloudscape-design/components/table";
import type { ReactNode } from "react";
import { useNarrow } from "./hooks";

export interface ListColumn<T> {
  id: string;
  header: string;
  cell: (item: T) => ReactNode;
  /** Which column names the row to screen readers. */
  rowHeader?: boolean;
  width?: number;
  minWidth?: number;
}

interface Props<T> {
  /** Says what the table is. */
  title: string;
  level?: "h2" | "h3";
  description?: ReactNode;
  actions?: ReactNode;
  items: readonly T[];
  count?: boolean;
  columns: readonly ListColumn<T>[];
  rowKey: (item: T) => string;
  empty: ReactNode;
  variant?: TableProps.Variant;
  footer?: ReactNode;
  loading?: boolean;
  filter?: ReactNode;
  /** The title is said to screen readers only. */
  untitled?: boolean;
}

export function List<T>({
  title,
  level = "h2",
  description,
  actions,
  items,
  count = true,
  columns,
  rowKey,
  empty,
  variant = "container",
  footer,
  loading = false,
  filter,
  untitled = false,
}: Props<T>) {
  const narrow = useNarrow();
  const header = (
    <Header
      variant={level}
      description={description}
      actions={actions}
      counter={count && !loading ? `(${items.length})` : undefined}
    >
      {title}
    </Header>
  );
  if (narrow) {
    const [first] = [...columns.filter(({ rowHeader }) => rowHeader === true), ...columns];
    return (
      <Cards
        items={items}
        loading={loading}
        loadingText={`Loading: ${title}`}
        trackBy={rowKey}
        empty={empty}
        filter={filter}
        cardDefinition={{
          header: (item) => first?.cell(item),
          sections: columns
            .filter((column) => column !== first)
            .map(({ id, header: text, cell }) => ({ id, header: text, content: cell })),
        }}
        header={untitled ? undefined : header}
        ariaLabels={{ itemSelectionLabel: () => "", selectionGroupLabel: title, cardsLabel: title }}
      />
    );
  }
  return (
    <Table
      variant={variant}
      wrapLines
      items={items}
      loading={loading}
      loadingText={`Loading: ${title}`}
      trackBy={rowKey}
      empty={empty}
      footer={footer}
      filter={filter}
      enableKeyboardNavigation={false}
      columnDefinitions={columns.map(({ id, header: text, cell, rowHeader = false, width, minWidth }) => ({
        id,
        header: text,
        cell,
        isRowHeader: rowHeader,
        ...(width === undefined ? {} : { width }),
        ...(minWidth === undefined ? {} : { minWidth }),
      }))}
      header={untitled ? undefined : header}
      ariaLabels={{ tableLabel: title }}
    />
  );
}
