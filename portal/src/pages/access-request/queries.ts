import { keepPreviousData, skipToken, useQuery } from "@tanstack/react-query";
import { unwrap } from "@/api/client";
import { useApi } from "@/api/context";
import type { AccessRequest, LfTag } from "@/api/types";

/** What the policy says of a request before it is sent; null: it cannot be asked yet. */
export function usePreview(request: AccessRequest | null) {
  const api = useApi();
  return useQuery({
    queryKey: ["preview", request],
    queryFn:
      request === null ? skipToken : ({ signal }) => unwrap(api.POST("/v1/access-previews", { body: request, signal })),
    placeholderData: keepPreviousData,
    staleTime: 30_000,
    retry: false,
  });
}

/** All LF-tags of the mesh. */
export function useLfTags(enabled: boolean) {
  const api = useApi();
  return useQuery({
    queryKey: ["lf-tags"],
    queryFn: async () => {
      const tags: LfTag[] = [];
      let cursor: string | undefined;
      do {
        const page = await unwrap(
          api.GET("/v1/lf-tags", { params: { query: { limit: 200, ...(cursor !== undefined && { cursor }) } } }),
        );
        tags.push(...page.items);
        cursor = page.next_cursor ?? undefined;
      } while (cursor !== undefined);
      return tags;
    },
    staleTime: 60_000,
    enabled,
  });
}
