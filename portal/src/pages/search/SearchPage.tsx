/** Finds products: text, facets with counts, results by rank. The address holds all of it. */
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Checkbox from "@cloudscape-design/components/checkbox";
import Container from "@cloudscape-design/components/container";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useSearchParams } from "react-router";
import { unwrap } from "@/api/client";
import { useApi } from "@/api/context";
import { CALM } from "@/api/live";
import type { Facet, SearchHit } from "@/api/types";
import { Page } from "@/app/page";
import { paths } from "@/app/paths";
import { Classification, PiiBadge, plural, TagBadges } from "@/components/format";
import { useNarrow } from "@/components/hooks";
import { More } from "@/components/More";
import { RouterButton, RouterLink } from "@/components/RouterLink";
import { Empty, Loaded } from "@/components/states";
import {
  FACET_TITLES,
  filterCount,
  markedParts,
  queryOf,
  searchOf,
  toggled,
  wordsOf,
  type FacetName,
  type Search,
} from "./model";
import { SearchBox } from "./SearchBox";

const PER_PAGE = 20;

function useSearch({ text, filters }: Search) {
  const api = useApi();
  const query = useInfiniteQuery({
    queryKey: ["search", text, filters],
    queryFn: ({ pageParam, signal }) =>
      unwrap(
        api.GET("/v1/products", {
          params: {
            query: { q: text, ...filters, limit: PER_PAGE, ...(pageParam !== undefined && { cursor: pageParam }) },
          },
          signal,
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next_cursor }) => next_cursor ?? undefined,
    placeholderData: keepPreviousData,
    refetchInterval: CALM,
  });
  const first = query.data?.pages[0];
  const data =
    first === undefined
      ? undefined
      : { total: first.total, facets: first.facets, hits: query.data?.pages.flatMap(({ hits }) => hits) ?? [] };
  return { ...query, data };
}

export default function SearchPage() {
  const [query, setQuery] = useSearchParams();
  const search = searchOf(query);
  const result = useSearch(search);
  const narrow = useNarrow();
  const change = (next: Search) => setQuery(queryOf(next));
  const words = wordsOf(search.text);
  const count = filterCount(search);
  const clear = (
    <Button onClick={() => change(searchOf(new URLSearchParams({ q: search.text })))}>Clear all filters</Button>
  );
  return (
    <Page title="Search" description="Every product that the policy lets you find, with its tables and columns.">
      <SpaceBetween size="l">
        <SearchBox
          key={search.text}
          text={search.text}
          onSearch={(text) => text !== search.text && change({ ...search, text })}
        />
        <Loaded query={result} loading="Searching">
          {({ total, facets, hits }) => (
            <div className="search-page" aria-busy={result.isPlaceholderData}>
              <section aria-label="Filters">
                {narrow ? (
                  <ExpandableSection headerText={count === 0 ? "Filters" : `Filters (${count})`}>
                    <Facets facets={facets} search={search} onChange={change} />
                  </ExpandableSection>
                ) : (
                  <SpaceBetween size="m">
                    <Facets facets={facets} search={search} onChange={change} />
                  </SpaceBetween>
                )}
              </section>
              <section aria-label="Results">
                <SpaceBetween size="m">
                  <div className="row">
                    <div role="status">
                      <Box variant="h2" tagOverride="h2">
                        {plural(total, "product")}
                        {search.text !== "" && ` for “${search.text}”`}
                      </Box>
                    </div>
                    {count > 0 && clear}
                  </div>
                  {hits.length === 0 ? (
                    <Container>
                      <Empty title="Nothing was found" action={count > 0 ? clear : undefined}>
                        {search.text === "" && count === 0
                          ? "No product is registered yet, or none that you may find."
                          : "Try fewer or other words. Products that the policy hides from you are not found either."}
                      </Empty>
                    </Container>
                  ) : (
                    <ul className="plain hits">
                      {hits.map((hit) => (
                        <li key={`${hit.domain}.${hit.name}`}>
                          <Hit hit={hit} words={words} />
                        </li>
                      ))}
                    </ul>
                  )}
                  <More of={result} label={`Show ${PER_PAGE} more`} />
                </SpaceBetween>
              </section>
            </div>
          )}
        </Loaded>
      </SpaceBetween>
    </Page>
  );
}

function Facets({
  facets,
  search,
  onChange,
}: {
  facets: readonly Facet[];
  search: Search;
  onChange: (search: Search) => void;
}) {
  return facets.map(({ name, values }) => (
    <FacetGroup
      key={name}
      name={name}
      values={values}
      chosen={search.filters[name]}
      onToggle={(value) => onChange(toggled(search, name, value))}
    />
  ));
}

const FEW = 6;

function FacetGroup({
  name,
  values,
  chosen,
  onToggle,
}: {
  name: FacetName;
  values: Facet["values"];
  chosen: readonly string[];
  onToggle: (value: string) => void;
}) {
  const [all, setAll] = useState(false);
  // What is chosen stays visible, also when nothing has it any more.
  const gone = chosen.filter((value) => !values.some((other) => other.value === value));
  const known = [...values, ...gone.map((value) => ({ value, count: 0 }))];
  const shown = all ? known : known.filter(({ value }, place) => place < FEW || chosen.includes(value));
  if (known.length === 0) return null;
  return (
    <fieldset className="facet">
      <legend>
        <Box variant="strong">{FACET_TITLES[name]}</Box>
      </legend>
      {shown.map(({ value, count }) => (
        <Checkbox key={value} checked={chosen.includes(value)} onChange={() => onToggle(value)}>
          <span className="break">{value}</span>{" "}
          <Box variant="small" display="inline">
            ({count})
          </Box>
        </Checkbox>
      ))}
      {known.length > FEW && (
        <Button
          variant="inline-link"
          onClick={() => setAll(!all)}
          ariaLabel={`${all ? "Fewer" : "All"}: ${FACET_TITLES[name]}`}
        >
          {all ? "Show fewer" : `Show all ${known.length}`}
        </Button>
      )}
    </fieldset>
  );
}

function Marked({ text, words }: { text: string; words: readonly string[] }) {
  return markedParts(text, words).map(({ text: part, marked }, place) =>
    marked ? <mark key={place}>{part}</mark> : part,
  );
}

function Hit({ hit, words }: { hit: SearchHit; words: readonly string[] }) {
  const { domain, name, description, classification, pii, tags, formats, tables, matched_columns, sensitive } = hit;
  const pairs = Object.fromEntries(
    (tags ?? []).map((tag) => [tag.slice(0, tag.indexOf("=")), tag.slice(tag.indexOf("=") + 1)]),
  );
  return (
    <Container
      header={
        <Header
          variant="h3"
          actions={
            <RouterButton href={paths.requestProduct(domain, name)} ariaLabel={`Request access to ${domain}.${name}`}>
              Request access
            </RouterButton>
          }
        >
          <RouterLink href={paths.product(domain, name)} fontSize="heading-s">
            {domain}.
            <Marked text={name} words={words} />
          </RouterLink>
        </Header>
      }
    >
      <SpaceBetween size="xs">
        <div>
          <Marked text={description} words={words} />
        </div>
        <SpaceBetween direction="horizontal" size="xxs">
          <Classification value={classification} />
          <PiiBadge pii={pii} />
          <TagBadges tags={pairs} />
        </SpaceBetween>
        <Box variant="small">
          {plural((tables ?? []).length, "table")}
          {(tables ?? []).length > 0 && (
            <>
              : <Marked text={(tables ?? []).slice(0, 8).join(", ")} words={words} />
            </>
          )}
          {(formats ?? []).length > 0 && ` · ${(formats ?? []).join(", ")}`}
          {sensitive && " · people decide on access"}
        </Box>
        {(matched_columns ?? []).length > 0 && (
          <Box variant="small">
            Columns that match:{" "}
            {(matched_columns ?? []).map((column, place) => (
              <span key={column}>
                {place > 0 && ", "}
                <code>
                  <Marked text={column} words={words} />
                </code>
              </span>
            ))}
          </Box>
        )}
      </SpaceBetween>
    </Container>
  );
}
