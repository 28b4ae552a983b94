/** Which domain a list is of: one of the person's own, or for those who oversee the mesh any, or all. */
import { domainsOf, useMe } from "@/api/me";
import type { Me } from "@/api/types";
import { Filter, useFilter, type Choice } from "./filters";
import { useDomains } from "@/pages/domains/queries";

export interface Scope {
  /** null: all of the mesh. undefined: not known yet, or nothing may be seen. */
  domain: string | null | undefined;
  choices: readonly Choice[];
  choose: (domain: string) => void;
}

/** Tell which domain is shown. `all` says who sees the whole mesh at once, `own` which domains a person has. */
export function scopeOf(
  me: Me | undefined,
  chosen: string,
  known: readonly string[],
  { all, own }: { all: (me: Me) => boolean; own: (me: Me) => readonly string[] },
): Omit<Scope, "choose"> {
  if (me === undefined) return { domain: undefined, choices: [] };
  const oversees = all(me);
  const names = [...new Set(oversees ? [...own(me), ...known] : own(me))].sort();
  const choices = names.map((name) => ({ value: name, label: name }));
  if (oversees) {
    const listed = chosen === "" || names.includes(chosen) ? [] : [{ value: chosen, label: chosen }];
    return {
      domain: chosen === "" ? null : chosen,
      choices: [{ value: "", label: "All domains" }, ...choices, ...listed],
    };
  }
  return { domain: names.includes(chosen) ? chosen : names[0], choices };
}

export function useScope(
  all: (me: Me) => boolean,
  own: (me: Me) => readonly string[] = domainsOf,
): Scope & { loading: boolean } {
  const { data: me } = useMe();
  const [chosen, choose] = useFilter("domain");
  const oversees = me !== undefined && all(me);
  const domains = useDomains({ enabled: oversees });
  const known = (domains.data ?? []).map(({ domain }) => domain);
  return { ...scopeOf(me, chosen, known, { all, own }), choose, loading: me === undefined };
}

export function DomainFilter({ scope }: { scope: Scope }) {
  return <Filter label="Domain" value={scope.domain ?? ""} choices={scope.choices} onChange={scope.choose} />;
}
