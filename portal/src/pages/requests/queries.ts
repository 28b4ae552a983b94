import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { unwrap } from "@/api/client";
import { useApi } from "@/api/context";
import { FAST, LIVE } from "@/api/live";
import type { RequestSummary } from "@/api/types";
import { merged } from "./model";

const PER_PAGE = 50;

interface DomainPage {
  domain: string;
  items: RequestSummary[];
  next: string | null;
}

type Cursors = Record<string, string | undefined>;

const firstOf = (domains: readonly string[]): Cursors =>
  Object.fromEntries(domains.map((domain) => [domain, undefined]));

/** The requests of some domains as one list, the newest first. */
export function useRequests(domains: readonly string[]) {
  const api = useApi();
  const query = useInfiniteQuery({
    queryKey: ["requests", domains],
    enabled: domains.length > 0,
    // A page is a page of every domain that has one: by domain its cursor, undefined for the first.
    queryFn: ({ pageParam }) =>
      Promise.all(
        Object.entries(pageParam).map(async ([domain, cursor]): Promise<DomainPage> => {
          const { items, next_cursor } = await unwrap(
            api.GET("/v1/domains/{domain}/access-requests", {
              params: { path: { domain }, query: { limit: PER_PAGE, ...(cursor !== undefined && { cursor }) } },
            }),
          );
          return { domain, items, next: next_cursor ?? null };
        }),
      ),
    initialPageParam: firstOf(domains),
    getNextPageParam: (last): Cursors | undefined => {
      const following = last.filter(({ next }) => next !== null);
      return following.length === 0
        ? undefined
        : Object.fromEntries(following.map(({ domain, next }) => [domain, next ?? undefined]));
    },
    refetchInterval: LIVE,
    placeholderData: keepPreviousData,
  });
  const pages = query.data?.pages;
  const data =
    pages === undefined
      ? undefined
      : merged(
          [...new Set(pages.flat().map(({ domain }) => domain))].map((domain) => {
            const read = pages.flat().filter((page) => page.domain === domain);
            return { items: read.flatMap(({ items }) => items), more: read.at(-1)?.next != null };
          }),
        );
  return { ...query, data };
}

const MOVING = new Set(["APPROVED", "GRANTED", "REVOKING"]);

export function useRequest(id: string) {
  const api = useApi();
  return useQuery({
    queryKey: ["request", id],
    queryFn: () => unwrap(api.GET("/v1/access-requests/{request_id}", { params: { path: { request_id: id } } })),
    refetchInterval: ({ state }) => (MOVING.has(state.data?.status ?? "") ? FAST : LIVE),
  });
}

/** The executions of central's workflows that worked on a request, out of the newest ones of its consumer. */
export function useExecutionsOfRequest(domain: string, id: string) {
  const api = useApi();
  return useQuery({
    queryKey: ["executions", domain, "of", id],
    queryFn: async () => {
      const { items } = await unwrap(
        api.GET("/v1/domains/{domain}/executions", { params: { path: { domain }, query: { limit: 200 } } }),
      );
      return items.filter(({ subject }) => subject === id);
    },
    refetchInterval: LIVE * 2,
    retry: false,
  });
}
