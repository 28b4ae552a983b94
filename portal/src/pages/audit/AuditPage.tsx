/** The ledger: what was asked, voted, granted and taken back, each entry chained to the one before. */
import Box from "@cloudscape-design/components/box";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import { useState } from "react";
import { unwrap } from "@/api/client";
import { useApi } from "@/api/context";
import { LIVE } from "@/api/live";
import { domainsOf, inMesh } from "@/api/me";
import { usePages } from "@/api/pages";
import type { LedgerEntry } from "@/api/types";
import { Page } from "@/app/page";
import { paths } from "@/app/paths";
import { CodeBlock } from "@/components/CodeBlock";
import { Copyable } from "@/components/Copyable";
import { Filter, useFilter } from "@/components/filters";
import { Time } from "@/components/format";
import { List } from "@/components/list";
import { More } from "@/components/More";
import { RouterLink } from "@/components/RouterLink";
import { DomainFilter, useScope, type Scope } from "@/components/scope";
import { Empty, Loaded, Loading } from "@/components/states";
import { actorText, camelWords } from "@/components/words";
import { isRequestId, KINDS, kindOf, type Kind } from "./model";

function useAudit(domain: string | null | undefined, kind: Kind | null, requestId: string | null) {
  const api = useApi();
  return usePages(
    ["audit", domain ?? "", kind, requestId],
    (cursor) => {
      const query = {
        limit: 50,
        ...(kind !== null && { kind }),
        ...(requestId !== null && { request_id: requestId }),
        ...(cursor && { cursor }),
      };
      return domain == null
        ? unwrap(api.GET("/v1/audit", { params: { query } }))
        : unwrap(api.GET("/v1/domains/{domain}/audit", { params: { path: { domain }, query } }));
    },
    { every: LIVE, enabled: domain !== undefined },
  );
}

export default function AuditPage() {
  const scope = useScope(
    (me) => inMesh(me, "admin", "auditor"),
    (me) => domainsOf(me, "owner", "steward"),
  );
  return (
    <Page
      title="Audit"
      description="The ledger of decisions and grants, the newest entry first. Each entry holds the digest of the one before it; datamesh audit verify checks the whole chain."
    >
      {scope.loading ? (
        <Loading label="Loading the ledger" />
      ) : scope.domain === undefined ? (
        <Empty title="The ledger is not yours to see">
          Auditors of the mesh see all of it, owners and stewards of a domain what is about that domain.
        </Empty>
      ) : (
        <Audit scope={scope} />
      )}
    </Page>
  );
}

function Audit({ scope }: { scope: Scope }) {
  const [kind, setKind] = useFilter("kind");
  const [request, setRequest] = useFilter("request");
  const [typed, setTyped] = useState(request);
  const query = useAudit(scope.domain, kindOf(kind), isRequestId(request) ? request : null);
  const wrong = typed.trim() !== "" && !isRequestId(typed.trim());
  const filtered = kindOf(kind) !== null || isRequestId(request);
  const filter = (
    <div className="filters">
      <DomainFilter scope={scope} />
      <Filter
        label="Kind"
        value={kind}
        choices={[{ value: "", label: "Any kind" }, ...KINDS.map((value) => ({ value, label: camelWords(value) }))]}
        onChange={setKind}
      />
      <div className="wide">
        <FormField
          label="Request id"
          stretch
          errorText={wrong ? "A request id has 36 characters, with hyphens." : null}
        >
          <Input
            value={typed}
            type="search"
            spellcheck={false}
            clearAriaLabel="Clear request id"
            placeholder="00000000-0000-0000-0000-000000000000"
            onChange={({ detail }) => {
              const text = detail.value.trim();
              setTyped(detail.value);
              if (text === "" || isRequestId(text)) setRequest(text);
            }}
          />
        </FormField>
      </div>
    </div>
  );
  return (
    <Loaded query={query} loading="Loading the ledger">
      {(entries) => (
        <>
          <List<LedgerEntry>
            title="Entries"
            items={entries}
            loading={query.isPlaceholderData}
            filter={filter}
            rowKey={({ sequence }) => String(sequence)}
            empty={
              <Empty title={filtered ? "No entry is of that sort" : "The ledger has no entry yet"}>
                {query.hasNextPage ? "Among the newest ones. Older ones are shown on demand." : undefined}
              </Empty>
            }
            columns={[
              {
                id: "kind",
                header: "What",
                rowHeader: true,
                minWidth: 150,
                cell: ({ kind: what, sequence }) => (
                  <>
                    {camelWords(what)}
                    <Box variant="small" display="block">
                      entry {sequence}
                    </Box>
                  </>
                ),
              },
              { id: "at", header: "When", minWidth: 130, cell: ({ at }) => <Time at={at} exact /> },
              {
                id: "actor",
                header: "Who",
                minWidth: 150,
                cell: ({ actor }) => <span className="break">{actorText(actor)}</span>,
              },
              { id: "domain", header: "Domain", minWidth: 100, cell: ({ domain }) => domain ?? "–" },
              {
                id: "request",
                header: "Request",
                minWidth: 110,
                cell: ({ request_id }) =>
                  request_id == null ? (
                    "–"
                  ) : (
                    <RouterLink href={paths.request(request_id)}>Request {request_id.slice(-6)}</RouterLink>
                  ),
              },
              { id: "details", header: "Details", minWidth: 260, cell: (entry) => <EntryDetails entry={entry} /> },
            ]}
          />
          <More of={query} label="Show older entries" />
        </>
      )}
    </Loaded>
  );
}

function EntryDetails({ entry }: { entry: LedgerEntry }) {
  const { sequence, details, digest, previous } = entry;
  return (
    <>
      <ExpandableSection variant="footer" headerText="Details" headerAriaLabel={`Details of entry ${sequence}`}>
        <CodeBlock code={JSON.stringify(details ?? {}, null, 2)} label={`details of entry ${sequence}`} />
        <Box variant="small" display="block">
          Entry before: <Copyable text={previous} label={`digest of the entry before ${sequence}`} />
        </Box>
      </ExpandableSection>
      <Box variant="small" display="block">
        Digest <Copyable text={digest} label={`digest of entry ${sequence}`} />
      </Box>
    </>
  );
}
