import SpaceBetween from "@cloudscape-design/components/space-between";
import TextFilter from "@cloudscape-design/components/text-filter";
import { useState } from "react";
import { domainsOf, inMesh, useMe } from "@/api/me";
import { Page } from "@/app/page";
import { paths } from "@/app/paths";
import { LifeStatus, plural, Time } from "@/components/format";
import { List } from "@/components/list";
import { More } from "@/components/More";
import { RouterButton, RouterLink } from "@/components/RouterLink";
import { Empty, Loaded } from "@/components/states";
import { useDomains } from "./queries";

export default function DomainsPage() {
  const { data: me } = useMe();
  const domains = useDomains();
  const [text, setText] = useState("");
  const mayRegister = domainsOf(me, "owner").length > 0 || inMesh(me, "admin");
  const register = (
    <RouterButton href={paths.registerDomain} variant="primary">
      Register domain
    </RouterButton>
  );
  return (
    <Page
      title="Domains"
      description="Teams that own data: each in an account of its own, linked to the mesh by events."
      actions={mayRegister ? register : undefined}
    >
      <Loaded query={domains} loading="Loading domains">
        {(all) => {
          const items = all.filter(({ domain, account_id }) =>
            `${domain} ${account_id}`.includes(text.trim().toLowerCase()),
          );
          return (
            <SpaceBetween size="s">
              <List
                title="Domains of the mesh"
                items={items}
                rowKey={({ domain }) => domain}
                filter={
                  <TextFilter
                    filteringText={text}
                    filteringPlaceholder="Find a domain by name or account"
                    filteringAriaLabel="Find a domain"
                    countText={text === "" ? "" : plural(items.length, "match", "matches")}
                    onChange={({ detail }) => setText(detail.filteringText)}
                  />
                }
                empty={
                  text === "" ? (
                    <Empty title="No domain is registered yet" action={mayRegister ? register : undefined}>
                      A domain is registered by its owner, with the ARN of its config secret.
                    </Empty>
                  ) : (
                    <Empty title="No domain has that name" />
                  )
                }
                columns={[
                  {
                    id: "domain",
                    header: "Domain",
                    rowHeader: true,
                    minWidth: 140,
                    cell: ({ domain }) => <RouterLink href={paths.domain(domain)}>{domain}</RouterLink>,
                  },
                  {
                    id: "status",
                    header: "Status",
                    minWidth: 140,
                    cell: ({ status }) => <LifeStatus status={status} />,
                  },
                  { id: "products", header: "Products", cell: ({ product_count }) => product_count },
                  { id: "account", header: "Account", cell: ({ account_id }) => account_id },
                  {
                    id: "registered",
                    header: "Registered",
                    cell: ({ registered_at }) => <Time at={registered_at} />,
                  },
                ]}
              />
              <More of={domains} label="Show more domains" />
            </SpaceBetween>
          );
        }}
      </Loaded>
    </Page>
  );
}
