import { useQuery } from "@tanstack/react-query";
import { unwrap } from "@/api/client";
import { useApi } from "@/api/context";
import { CALM, LIVE } from "@/api/live";
import { usePages } from "@/api/pages";

export function useDomains({ enabled = true }: { enabled?: boolean } = {}) {
  const api = useApi();
  return usePages(
    ["domains"],
    (cursor) => unwrap(api.GET("/v1/domains", { params: { query: { limit: 100, ...(cursor && { cursor }) } } })),
    { every: CALM, enabled },
  );
}

export function useDomain(
  domain: string,
  { every = LIVE, enabled = true }: { every?: number; enabled?: boolean } = {},
) {
  const api = useApi();
  return useQuery({
    queryKey: ["domain", domain],
    queryFn: () => unwrap(api.GET("/v1/domains/{domain}", { params: { path: { domain } } })),
    refetchInterval: every,
    enabled,
  });
}

export function useProducts(domain: string, enabled: boolean) {
  const api = useApi();
  return usePages(
    ["products", domain],
    (cursor) =>
      unwrap(
        api.GET("/v1/domains/{domain}/products", {
          params: { path: { domain }, query: { limit: 100, ...(cursor && { cursor }) } },
        }),
      ),
    { every: LIVE, enabled },
  );
}

/** The last few executions of the domain's workflows. */
export function useLastExecutions(domain: string, enabled: boolean) {
  const api = useApi();
  return useQuery({
    queryKey: ["executions", domain, "last"],
    queryFn: () =>
      unwrap(api.GET("/v1/domains/{domain}/executions", { params: { path: { domain }, query: { limit: 10 } } })),
    refetchInterval: LIVE,
    enabled,
  });
}
