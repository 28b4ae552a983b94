/** How times, names and states are written, everywhere the same. */
import Badge from "@cloudscape-design/components/badge";
import StatusIndicator, { type StatusIndicatorProps } from "@cloudscape-design/components/status-indicator";
import type { DomainLink, DomainSummary, RequestSummary, ExecutionSummary, ColumnView } from "@/api/types";

const DATE_TIME = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
const EXACT = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

export function formatTime(iso: string | null | undefined): string {
  return iso == null ? "–" : DATE_TIME.format(new Date(iso));
}

/** A time in the person's own zone; the exact one in UTC is its title. */
export function Time({ at, exact = false }: { at: string | null | undefined; exact?: boolean }) {
  if (at == null) return <>–</>;
  return (
    <time dateTime={at} title={at}>
      {(exact ? EXACT : DATE_TIME).format(new Date(at))}
    </time>
  );
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString("en-GB")} ${count === 1 ? one : many}`;
}

type Shown = readonly [StatusIndicatorProps.Type, string];
const UNKNOWN = (status: string): Shown => ["info", status.toLowerCase().replaceAll("_", " ")];

const LIFE: Record<string, Shown> = {
  REGISTERING: ["in-progress", "Registering"],
  REGISTERED: ["success", "Registered"],
  FAILED: ["error", "Failed"],
  DEREGISTERING: ["in-progress", "Leaving"],
  DEREGISTERED: ["stopped", "Left"],
};
export function LifeStatus({ status }: { status: DomainSummary["status"] }) {
  const [type, text] = LIFE[status] ?? UNKNOWN(status);
  return <StatusIndicator type={type}>{text}</StatusIndicator>;
}

const LINK: Record<DomainLink["health"], Shown> = {
  OK: ["success", "Events flow both ways"],
  WAITING: ["pending", "Waiting for the domain to answer"],
  FAILING: ["error", "Failing"],
  UNKNOWN: ["info", "Nothing heard yet"],
};
export function LinkHealth({ link }: { link: DomainLink }) {
  const [type, text] = LINK[link.health];
  return <StatusIndicator type={type}>{text}</StatusIndicator>;
}

const CRAWL: Record<string, Shown> = {
  SUCCEEDED: ["success", "Crawled"],
  FAILED: ["error", "Crawl failed"],
  CANCELLED: ["stopped", "Crawl cancelled"],
  TIMED_OUT: ["error", "Crawl timed out"],
  NOT_STARTED: ["warning", "Crawler not started"],
};
export function CrawlState({ status }: { status: string | null | undefined }) {
  const [type, text]: Shown = status == null ? ["pending", "Not crawled yet"] : (CRAWL[status] ?? UNKNOWN(status));
  return <StatusIndicator type={type}>{text}</StatusIndicator>;
}

const REQUEST: Record<string, Shown> = {
  PENDING: ["pending", "Waiting for approval"],
  APPROVED: ["in-progress", "Approved, being granted"],
  GRANTING: ["in-progress", "Being granted"],
  GRANTED: ["success", "Granted"],
  PROVISIONED: ["success", "Ready to query"],
  DENIED: ["error", "Denied"],
  REJECTED: ["error", "Rejected"],
  CANCELLED: ["stopped", "Taken back"],
  EXPIRED: ["stopped", "Expired"],
  REVOKING: ["in-progress", "Being revoked"],
  REVOKED: ["stopped", "Revoked"],
  FAILED: ["error", "Failed"],
};
export function RequestStatus({ status }: { status: RequestSummary["status"] }) {
  const [type, text] = REQUEST[status] ?? UNKNOWN(status);
  return <StatusIndicator type={type}>{text}</StatusIndicator>;
}

const EXECUTION: Record<ExecutionSummary["status"], Shown> = {
  RUNNING: ["in-progress", "Running"],
  SUCCEEDED: ["success", "Succeeded"],
  FAILED: ["error", "Failed"],
  TIMED_OUT: ["error", "Timed out"],
  ABORTED: ["stopped", "Aborted"],
  PENDING_REDRIVE: ["pending", "Waits for a new start"],
};
export function ExecutionStatus({ status }: { status: ExecutionSummary["status"] }) {
  const [type, text] = EXECUTION[status];
  return <StatusIndicator type={type}>{text}</StatusIndicator>;
}

export function Classification({ value }: { value: string | null | undefined }) {
  if (value == null || value === "unclassified") return <Badge color="severity-medium">unclassified</Badge>;
  const color =
    value === "restricted"
      ? "severity-critical"
      : value === "confidential"
        ? "severity-high"
        : value === "internal"
          ? "blue"
          : "green";
  return <Badge color={color}>{value}</Badge>;
}

/** Nobody said anything counts as sensitive: it is shown as such. */
export function PiiBadge({ pii }: { pii: ColumnView["pii"] }) {
  if (pii === true) return <Badge color="severity-high">PII</Badge>;
  if (pii == null) return <Badge color="severity-medium">PII unknown</Badge>;
  return null;
}

export function TagBadges({ tags }: { tags: Record<string, string> | undefined }) {
  return (
    <>
      {Object.entries(tags ?? {}).map(([key, value]) => (
        <span key={key} className="tag">
          <Badge color="grey">
            {key}={value}
          </Badge>
        </span>
      ))}
    </>
  );
}

/** What a request or approval is about: a product, or whatever carries certain LF-tags. */
export function subjectOf({
  product,
  expression,
}: {
  product?: { domain: string; name: string } | null;
  expression?: Record<string, string[]> | null;
}): string {
  if (product != null) return `${product.domain}.${product.name}`;
  return expressionText(expression ?? {});
}

/** A tag expression in words: every key must be there, with one of its values. */
export function expressionText(expression: Record<string, string[]>): string {
  return Object.entries(expression)
    .map(([key, values]) => `${key}=${values.join("|")}`)
    .join(" and ");
}
