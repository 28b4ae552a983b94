/** The side navigation: what there is, for whom, and which entry a page belongs to. */
import type { SideNavigationProps } from "@cloudscape-design/components/side-navigation";
import { domainsOf, inMesh } from "@/api/me";
import type { Me } from "@/api/types";
import { paths } from "./paths";

interface Entry {
  text: string;
  href: string;
  /** Shown to these only; without it to everybody. What anybody may do the server decides. */
  to?: (me: Me) => boolean;
}

const SECTIONS: readonly { text: string | null; entries: readonly Entry[] }[] = [
  { text: null, entries: [{ text: "Home", href: paths.home }] },
  {
    text: "Data",
    entries: [
      { text: "Search", href: paths.search },
      { text: "Domains", href: paths.domains },
      { text: "Request by LF-tag", href: paths.requestByTags, to: (me) => domainsOf(me).length > 0 },
    ],
  },
  {
    text: "Access",
    entries: [
      { text: "My requests", href: paths.requests },
      { text: "Approvals", href: paths.approvals },
      { text: "My access", href: paths.access },
    ],
  },
  {
    text: "What happened",
    entries: [
      { text: "Executions", href: paths.executions() },
      {
        text: "Audit",
        href: paths.audit,
        to: (me) => domainsOf(me, "owner", "steward").length > 0 || inMesh(me, "admin", "auditor"),
      },
    ],
  },
];

export function navigationOf(me: Me | undefined): SideNavigationProps.Item[] {
  return SECTIONS.flatMap(({ text, entries }): SideNavigationProps.Item[] => {
    const links = entries
      .filter(({ to }) => to === undefined || (me !== undefined && to(me)))
      .map(({ text, href }) => ({ type: "link" as const, text, href }));
    if (links.length === 0) return [];
    return text === null ? links : [{ type: "section-group", title: text, items: links }];
  });
}

/** The entry whose address is the longest beginning of the page's; one with a query fits only just this. */
export function activeHref(pathname: string, search = ""): string {
  const all = SECTIONS.flatMap(({ entries }) => entries.map(({ href }) => href));
  const fitting = all.filter((href) =>
    href.includes("?")
      ? href === pathname + search
      : pathname === href || (href !== "/" && pathname.startsWith(`${href}/`)),
  );
  return fitting.sort((a, b) => b.length - a.length)[0] ?? "";
}
