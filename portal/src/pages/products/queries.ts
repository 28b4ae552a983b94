import { keepPreviousData, skipToken, useQuery } from "@tanstack/react-query";
import { unwrap } from "@/api/client";
import { useApi } from "@/api/context";
import { LIVE } from "@/api/live";
import { usePages } from "@/api/pages";
import type { ProductRegistration } from "@/api/types";

export function useProduct(domain: string, product: string, { live = true, enabled = true } = {}) {
  const api = useApi();
  return useQuery({
    queryKey: ["product", domain, product],
    queryFn: () =>
      unwrap(api.GET("/v1/domains/{domain}/products/{product}", { params: { path: { domain, product } } })),
    refetchInterval: live ? LIVE : false,
    enabled,
  });
}

export function useProductGrants(domain: string, product: string) {
  const api = useApi();
  return usePages(
    ["product-grants", domain, product],
    (cursor) =>
      unwrap(
        api.GET("/v1/domains/{domain}/products/{product}/grants", {
          params: { path: { domain, product }, query: { limit: 100, ...(cursor && { cursor }) } },
        }),
      ),
    { every: LIVE },
  );
}

/** What registering this would do; null: nothing is asked yet. Asking changes nothing, so it is a query. */
export function usePlan(domain: string, registration: ProductRegistration | null) {
  const api = useApi();
  return useQuery({
    queryKey: ["plan", domain, registration],
    queryFn:
      registration === null
        ? skipToken
        : ({ signal }) =>
            unwrap(
              api.POST("/v1/domains/{domain}/product-plans", {
                params: { path: { domain } },
                body: registration,
                signal,
              }),
            ),
    placeholderData: keepPreviousData,
    staleTime: 60_000,
    retry: false,
  });
}
