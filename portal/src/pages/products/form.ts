/** The simple form of a product: what is typed, what is wrong with it, and the product that it makes. */
import type { ProductDetail, ProductSpec, TableSpec } from "@/api/types";
import { problemOfTags, tagsOf, type TagRow } from "@/pages/domains/model";

export type Pii = "yes" | "no" | "unknown";

export interface ColumnRow {
  name: string;
  type: string;
  pii: Pii;
  comment: string;
  partitionKey: boolean;
  /** LF-tags of its own and example values: the form keeps them as they are. */
  tags: Record<string, string>;
  examples: string[];
}

export interface TableForm {
  name: string;
  location: string;
  format: TableSpec["format"];
  description: string;
  columns: ColumnRow[];
  /** LF-tags of its own: the form keeps them as they are. */
  tags: Record<string, string>;
}

export interface ProductForm {
  name: string;
  description: string;
  classification: NonNullable<ProductSpec["classification"]> | "";
  pii: Pii;
  accessMode: ProductSpec["access_mode"];
  tags: TagRow[];
  tables: TableForm[];
}

const NAME = /^[a-z][a-z0-9_]{0,62}$/;
const COLUMN = /^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*$/;
const LOCATION = /^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\/([A-Za-z0-9_.=-]+\/)*$/;
const NAME_RULE = "Expected lower case letters, digits and underscores, a letter first, at most 63.";

export const emptyTable = (base: string): TableForm => ({
  name: "",
  location: base,
  format: "parquet",
  description: "",
  columns: [],
  tags: {},
});

export const emptyColumn = (): ColumnRow => ({
  name: "",
  type: "",
  pii: "unknown",
  comment: "",
  partitionKey: false,
  tags: {},
  examples: [],
});

export function emptyForm(base: string): ProductForm {
  return {
    name: "",
    description: "",
    classification: "",
    pii: "unknown",
    accessMode: "nrac",
    tags: [],
    tables: [emptyTable(base)],
  };
}

/** Begin with what is registered. */
export function formOf(product: ProductDetail): ProductForm {
  return {
    name: product.name,
    description: product.description,
    classification: product.classification ?? "",
    pii: piiOf(product.pii),
    accessMode: product.access_mode,
    tags: Object.entries(product.tags ?? {}).map(([key, value]) => ({ key, value })),
    tables: (product.tables ?? []).map((table) => ({
      name: table.name,
      location: table.location ?? "",
      format: table.format,
      description: table.description ?? "",
      tags: ownTags(table.tags, product.tags, product.domain),
      columns: (table.columns ?? []).map(({ name, type, pii, comment, partition_key, tags }) => ({
        name,
        type: type ?? "",
        pii: piiOf(pii),
        comment: comment ?? "",
        partitionKey: partition_key ?? false,
        tags: ownTags(tags, table.tags, product.domain),
        examples: (table.samples ?? []).flatMap(({ values }) => values[name] ?? []),
      })),
    })),
  };
}

/** What is wrong, by field path: `name`, `tables[0].location`, `tables[0].columns[2].name`, … */
export function problemsOf(form: ProductForm, base: string): Record<string, string> {
  const problems: Record<string, string> = {};
  if (!NAME.test(form.name)) problems.name = NAME_RULE;
  if (form.description.trim() === "") problems.description = "Say what the product is.";
  if (form.accessMode !== "nrac") {
    const tags = problemOfTags(form.tags);
    if (tags !== null) problems.tags = tags;
  }
  form.tables.forEach((table, place) => {
    const at = `tables[${place}]`;
    if (!NAME.test(table.name)) problems[`${at}.name`] = NAME_RULE;
    else if (form.tables.findIndex(({ name }) => name === table.name) !== place) {
      problems[`${at}.name`] = "Another table has this name.";
    }
    if (!LOCATION.test(table.location)) {
      problems[`${at}.location`] = "Expected s3://<bucket>/<prefix>/, with a slash at the end.";
    } else if (base !== "" && (!table.location.startsWith(base) || table.location === base)) {
      problems[`${at}.location`] = `Expected a folder below ${base}`;
    }
    table.columns.forEach(({ name, partitionKey, type }, row) => {
      const column = `${at}.columns[${row}]`;
      if (!COLUMN.test(name)) problems[`${column}.name`] = "Expected lower case letters, digits and underscores.";
      else if (table.columns.findIndex((other) => other.name === name) !== row) {
        problems[`${column}.name`] = "Another column has this name.";
      }
      if (partitionKey && type.trim() === "") problems[`${column}.type`] = "A partition key needs a type.";
    });
  });
  return problems;
}

export function specOf(form: ProductForm): ProductSpec {
  const tagged = form.accessMode !== "nrac";
  return {
    name: form.name,
    description: form.description.trim(),
    classification: form.classification === "" ? null : form.classification,
    pii: said(form.pii),
    access_mode: form.accessMode,
    tags: tagged ? tagsOf(form.tags) : {},
    tables: form.tables.map(({ name, location, format, description, columns, tags }) => ({
      name,
      location,
      format,
      description: description.trim() === "" ? null : description.trim(),
      tags: tagged ? tags : {},
      columns: columns
        .filter(({ partitionKey }) => !partitionKey)
        .map((column) => ({
          name: column.name,
          type: column.type.trim() === "" ? null : column.type.trim(),
          pii: said(column.pii),
          comment: column.comment.trim() === "" ? null : column.comment.trim(),
          tags: tagged ? column.tags : {},
          examples: column.examples,
        })),
      partition_keys: columns
        .filter(({ partitionKey }) => partitionKey)
        .map((column) => ({
          name: column.name,
          type: column.type.trim(),
          pii: said(column.pii),
          tags: tagged ? column.tags : {},
        })),
    })),
  };
}

/**
 * Of the tags that hold for something those that are its own: what comes from above is inherited again by itself, and so
 * is the domain's own value.
 */
function ownTags(tags: Record<string, string> | undefined, above: Record<string, string> | undefined, domain: string) {
  return Object.fromEntries(
    Object.entries(tags ?? {}).filter(([key, value]) => above?.[key] !== value && value !== domain),
  );
}

function piiOf(pii: boolean | null | undefined): Pii {
  if (pii == null) return "unknown";
  return pii ? "yes" : "no";
}

function said(pii: Pii): boolean | null {
  return pii === "unknown" ? null : pii === "yes";
}
