import { useQuery } from "@tanstack/react-query";
import { unwrap } from "@/api/client";
import { useApi } from "@/api/context";
import { FAST, LIVE } from "@/api/live";
import { SETTLING } from "@/api/operations";
import { usePages } from "@/api/pages";
import { asProblem } from "@/api/problem";
import type { ExecutionSummary } from "@/api/types";

export type Status = ExecutionSummary["status"];

/** Executions that concern a domain, or all of the mesh (null), the newest first. */
export function useExecutions(domain: string | null | undefined, status: Status | null) {
  const api = useApi();
  return usePages(
    ["executions", domain ?? "", "list", status],
    (cursor) => {
      const query = { limit: 50, ...(status !== null && { status }), ...(cursor && { cursor }) };
      return domain == null
        ? unwrap(api.GET("/v1/executions", { params: { query } }))
        : unwrap(api.GET("/v1/domains/{domain}/executions", { params: { path: { domain }, query } }));
    },
    { every: LIVE, enabled: domain !== undefined },
  );
}

/** Events that concern a domain, or all of the mesh (null), the newest first. */
export function useEvents(domain: string | null | undefined, live: boolean) {
  const api = useApi();
  return usePages(
    ["events", domain ?? ""],
    (cursor) => {
      const query = { limit: 50, ...(cursor && { cursor }) };
      return domain == null
        ? unwrap(api.GET("/v1/events", { params: { query } }))
        : unwrap(api.GET("/v1/domains/{domain}/events", { params: { path: { domain }, query } }));
    },
    { every: live ? LIVE : false, enabled: domain !== undefined },
  );
}

/**
 * An execution. The timeline learns of one a moment after it was started: for so long after `since` a 404 means "not
 * yet", and the query just goes on.
 */
export function useExecution(id: string, since: number | null) {
  const api = useApi();
  return useQuery({
    queryKey: ["execution", id],
    queryFn: () => unwrap(api.GET("/v1/executions/{execution_id}", { params: { path: { execution_id: id } } })),
    retry: (failures, error) => {
      const { status, temporary } = asProblem(error);
      if (status === 404) return since !== null && Date.now() - since < SETTLING;
      return temporary && failures < 2;
    },
    retryDelay: FAST,
    refetchInterval: ({ state }) => (state.data?.status === "RUNNING" ? FAST : LIVE * 2),
  });
}
