/** What the mesh has done for a domain: executions of workflows, and events as they come. */
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Tabs from "@cloudscape-design/components/tabs";
import Toggle from "@cloudscape-design/components/toggle";
import { useState } from "react";
import { inMesh } from "@/api/me";
import { Page } from "@/app/page";
import { EventTimeline } from "@/components/EventTimeline";
import { Filter, useFilter } from "@/components/filters";
import { useTab } from "@/components/hooks";
import { More } from "@/components/More";
import { DomainFilter, useScope, type Scope } from "@/components/scope";
import { Empty, Loaded, Loading } from "@/components/states";
import { ExecutionList } from "./ExecutionList";
import { STATUSES, statusOf } from "./model";
import { useEvents, useExecutions } from "./queries";

export default function ExecutionsPage() {
  const scope = useScope((me) => inMesh(me, "admin", "auditor", "operator"));
  const [tab, setTab] = useTab("executions");
  return (
    <Page title="Executions" description="What the workflows of the mesh did, and what was said on its bus.">
      {scope.loading ? (
        <Loading label="Loading executions" />
      ) : scope.domain === undefined ? (
        <Empty title="You do not belong to a domain">An administrator of the mesh puts people into domains.</Empty>
      ) : (
        <Tabs
          ariaLabel="Executions and events"
          activeTabId={tab}
          onChange={({ detail }) => setTab(detail.activeTabId)}
          tabs={[
            { id: "executions", label: "Executions", content: <Executions scope={scope} /> },
            { id: "events", label: "Events", content: <Events scope={scope} /> },
          ]}
        />
      )}
    </Page>
  );
}

function Executions({ scope }: { scope: Scope }) {
  const [chosen, setChosen] = useFilter("status");
  const status = statusOf(chosen);
  const query = useExecutions(scope.domain, status);
  return (
    <Loaded query={query} loading="Loading executions">
      {(items) => (
        <>
          <ExecutionList
            items={items}
            loading={query.isPlaceholderData}
            filter={
              <div className="filters">
                <DomainFilter scope={scope} />
                <Filter
                  label="Status"
                  value={chosen}
                  choices={[
                    { value: "", label: "Any status" },
                    ...STATUSES.map(([value, label]) => ({ value, label })),
                  ]}
                  onChange={setChosen}
                />
              </div>
            }
            empty={
              <Empty title={status === null ? "No workflow has run yet" : "No execution stands so"}>
                {query.hasNextPage ? "Among the newest ones. Older ones are shown on demand." : undefined}
              </Empty>
            }
          />
          <More of={query} label="Show older executions" />
        </>
      )}
    </Loaded>
  );
}

function Events({ scope }: { scope: Scope }) {
  const [live, setLive] = useState(true);
  const query = useEvents(scope.domain, live);
  return (
    <SpaceBetween size="l">
      <div className="filters">
        <DomainFilter scope={scope} />
      </div>
      <Container
        header={
          <Header
            variant="h2"
            description="The newest first."
            actions={
              <Toggle checked={live} onChange={({ detail }) => setLive(detail.checked)}>
                Live
              </Toggle>
            }
          >
            Events
          </Header>
        }
      >
        {query.isPlaceholderData ? (
          <Loading label="Loading events" />
        ) : (
          <Loaded query={query} loading="Loading events">
            {(events) => (
              <>
                {events.length === 0 ? (
                  <Empty title="Nothing was said yet">
                    {query.hasNextPage
                      ? "Among the newest events. Older ones are shown on demand."
                      : "Commands and facts appear here by themselves."}
                  </Empty>
                ) : (
                  <EventTimeline label="Events of the mesh, the newest first" events={events} />
                )}
                <More of={query} label="Show older events" />
              </>
            )}
          </Loaded>
        )}
      </Container>
    </SpaceBetween>
  );
}
