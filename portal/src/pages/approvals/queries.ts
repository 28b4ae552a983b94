import { useQuery } from "@tanstack/react-query";
import { unwrap } from "@/api/client";
import { useApi } from "@/api/context";
import { LIVE } from "@/api/live";
import { usePages } from "@/api/pages";

export function useApprovals() {
  const api = useApi();
  return usePages(
    ["approvals", "all"],
    (cursor) => unwrap(api.GET("/v1/approvals", { params: { query: { limit: 50, ...(cursor && { cursor }) } } })),
    { every: LIVE },
  );
}

export function useApproval(requestId: string, number: number) {
  const api = useApi();
  return useQuery({
    queryKey: ["approval", requestId, number],
    queryFn: () =>
      unwrap(api.GET("/v1/approvals/{request_id}/{number}", { params: { path: { request_id: requestId, number } } })),
    refetchInterval: LIVE,
  });
}
