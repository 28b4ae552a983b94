/** Who is signed in, and what it may do. Hides what would be refused anyway; the server decides. */
import { useQuery } from "@tanstack/react-query";
import { unwrap } from "./client";
import { useApi } from "./context";
import type { Me } from "./types";

export function useMe({ enabled = true }: { enabled?: boolean } = {}) {
  const api = useApi();
  return useQuery({ queryKey: ["me"], queryFn: () => unwrap(api.GET("/v1/me")), enabled, staleTime: 60_000 });
}

type DomainRole = "owner" | "steward" | "member";
type MeshRole = "admin" | "operator" | "auditor";

export function domainsOf(me: Me | undefined, ...roles: DomainRole[]): string[] {
  const wanted = roles.length === 0 ? (["owner", "steward", "member"] as const) : roles;
  return (me?.domains ?? [])
    .filter(({ roles: held }) => wanted.some((role) => held.includes(role)))
    .map(({ domain }) => domain);
}

export function hasRole(me: Me | undefined, domain: string, ...roles: DomainRole[]): boolean {
  return domainsOf(me, ...roles).includes(domain);
}

export function inMesh(me: Me | undefined, ...roles: MeshRole[]): boolean {
  return roles.some((role) => me?.mesh_roles?.includes(role));
}

/** Whether the person belongs to the domain, or sees all of the mesh. */
export function seesInside(me: Me | undefined, domain: string): boolean {
  return hasRole(me, domain) || inMesh(me, "admin", "auditor", "operator");
}

/** Whether the person may change the domain and its products. */
export function mayManage(me: Me | undefined, domain: string): boolean {
  return hasRole(me, domain, "owner") || inMesh(me, "admin");
}
