/** Events of the mesh one after the other, each with its payload. */
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import type { MeshEvent } from "@/api/types";
import { causeOf, toneOfEvent, wayOf } from "@/pages/executions/model";
import { CodeBlock } from "./CodeBlock";
import { Copyable } from "./Copyable";
import { Timeline } from "./Timeline";

export function EventTimeline({ label, events }: { label: string; events: readonly MeshEvent[] }) {
  return (
    <Timeline
      label={label}
      items={events.map((event) => ({
        key: event.event_id,
        tone: toneOfEvent(event),
        title: event.detail_type,
        at: event.occurred_at,
        about: <About event={event} among={events} />,
        body: <Payload event={event} />,
      }))}
    />
  );
}

function About({ event, among }: { event: MeshEvent; among: readonly MeshEvent[] }) {
  const cause = causeOf(event, among);
  return (
    <>
      {wayOf(event)}
      {cause !== null && `; caused by ${cause.detail_type}`}
    </>
  );
}

function Payload({ event }: { event: MeshEvent }) {
  return (
    <ExpandableSection headerText="Payload" headerAriaLabel={`Payload of ${event.detail_type}`} variant="footer">
      <CodeBlock code={JSON.stringify(event.data, null, 2)} label={`payload of ${event.detail_type}`} />
      <Copyable text={event.event_id} label="event id" />
    </ExpandableSection>
  );
}
