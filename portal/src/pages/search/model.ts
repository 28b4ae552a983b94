/** A search, as the address of its page says it, and the parts of a text that it matched. */
export const FACETS = ["domain", "classification", "tag", "format", "owner"] as const;
export type FacetName = (typeof FACETS)[number];

export const FACET_TITLES: Record<FacetName, string> = {
  domain: "Domain",
  classification: "Classification",
  tag: "LF-tag",
  format: "Format",
  owner: "Owner",
};

export interface Search {
  text: string;
  filters: Record<FacetName, string[]>;
}

export function searchOf(query: URLSearchParams): Search {
  const filters = Object.fromEntries(
    FACETS.map((name) => [name, [...new Set(query.getAll(name))]]),
  ) as Search["filters"];
  return { text: (query.get("q") ?? "").trim().slice(0, 256), filters };
}

export function queryOf({ text, filters }: Search): URLSearchParams {
  const query = new URLSearchParams();
  if (text !== "") query.set("q", text);
  for (const name of FACETS) for (const value of filters[name]) query.append(name, value);
  return query;
}

/** Add a value to a filter, or take it out. */
export function toggled(search: Search, name: FacetName, value: string): Search {
  const held = search.filters[name];
  const values = held.includes(value) ? held.filter((other) => other !== value) : [...held, value];
  return { ...search, filters: { ...search.filters, [name]: values } };
}

export function filterCount({ filters }: Search): number {
  return FACETS.reduce((sum, name) => sum + filters[name].length, 0);
}

/** The words of a search, the longest first, so that a long one is not split by a short one. */
export function wordsOf(text: string): string[] {
  const words = text
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word.length > 1);
  return [...new Set(words)].sort((a, b) => b.length - a.length);
}

/** Split a text into parts that a word matched and parts that none did. */
export function markedParts(text: string, words: readonly string[]): { text: string; marked: boolean }[] {
  if (words.length === 0) return [{ text, marked: false }];
  const pattern = new RegExp(`(${words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|")})`, "giu");
  return text
    .split(pattern)
    .map((part, place) => ({ text: part, marked: place % 2 === 1 }))
    .filter((part) => part.text !== "");
}
