/** Requests with their lives, approvals, executions and the ledger of the made-up mesh. */
import type {
  ApprovalDetail,
  ExecutionDetail,
  ExecutionSummary,
  GrantOfProduct,
  LedgerEntry,
  MeshEvent,
  Operation,
  RequestDetail,
  RequestSummary,
  StageView,
} from "@/api/types";
import { ago, APPROVALS, EXECUTIONS, GRANTS, id, REQUESTS } from "./data.ts";

export const ALL_REQUESTS: RequestSummary[] = [
  ...REQUESTS,
  ...(
    [
      [25, "REJECTED", "The table customers has no column loyalty_tier"],
      [26, "FAILED", "Lake Formation refused entries of a batch: ConcurrentModificationException"],
      [27, "REVOKED", "The campaign is over."],
      [28, "EXPIRED", "The time of the access is over"],
      [29, "CANCELLED", "Asked for too much, will ask again for fewer columns."],
    ] as const
  ).map(([number, status, reason]): RequestSummary => ({
    ...(REQUESTS[0] as RequestSummary),
    request_id: id(number),
    status,
    reason,
    waiting_for: null,
    requested_at: ago(320 + number),
  })),
  {
    ...(REQUESTS[0] as RequestSummary),
    request_id: id(30),
    sort: "extension",
    of: id(22),
    status: "GRANTED",
    waiting_for: null,
    requested_at: ago(90),
    expires_at: ago(-900),
  },
];

/** Decisions that were taken while the server runs, by request. */
const decided = new Map<string, "APPROVE" | "DENY">();

const stagesOf = (status: RequestSummary["status"], requestId: string): StageView[] => {
  const vote = decided.get(requestId);
  const owners: StageView = {
    number: 0,
    name: "owners",
    status: "OPEN",
    approvers: ["owner@sales.example", "steward@sales.example"],
    quorum: 1,
    votes: [],
    opened_at: ago(3),
    deadline: ago(-20),
    escalated: false,
    reason: null,
  };
  const voted = (decision: "APPROVE" | "DENY", comment: string): StageView["votes"] => [
    { approver: "owner@sales.example", decision, comment, at: ago(2), via: "portal" },
  ];
  if (status === "DENIED") {
    const comment = "Ask for the columns without personal data.";
    return [{ ...owners, status: "DENIED", votes: voted("DENY", comment), reason: comment }];
  }
  if (vote !== undefined) {
    return [{ ...owners, status: vote === "DENY" ? "DENIED" : "APPROVED", votes: voted(vote, "As agreed.") }];
  }
  if (status === "PENDING") return [owners];
  if (status === "REJECTED") return [];
  return [{ ...owners, status: "APPROVED", votes: voted("APPROVE", "Fine for the autumn campaign.") }];
};

const STEPS: Partial<Record<RequestSummary["status"], readonly RequestSummary["status"][]>> = {
  PENDING: ["PENDING"],
  APPROVED: ["PENDING", "APPROVED"],
  DENIED: ["PENDING", "DENIED"],
  REJECTED: ["REJECTED"],
  CANCELLED: ["PENDING", "CANCELLED"],
  GRANTED: ["PENDING", "APPROVED", "GRANTED"],
  PROVISIONED: ["PENDING", "APPROVED", "GRANTED", "PROVISIONED"],
  FAILED: ["PENDING", "APPROVED", "FAILED"],
  REVOKED: ["PENDING", "APPROVED", "GRANTED", "PROVISIONED", "REVOKING", "REVOKED"],
  EXPIRED: ["PENDING", "APPROVED", "GRANTED", "PROVISIONED", "REVOKING", "EXPIRED"],
};
const BY: Partial<Record<RequestSummary["status"], readonly [string, string]>> = {
  PENDING: ["person:analyst@marketing.example", "The rule sensitive asks owners"],
  APPROVED: ["person:owner@sales.example", "Fine for the autumn campaign."],
  DENIED: ["person:owner@sales.example", "Ask for the columns without personal data."],
  GRANTED: ["person:owner@sales.example", "Granted in Lake Formation"],
  PROVISIONED: ["account:333333333333", "Linked and granted"],
  REVOKING: ["person:owner@marketing.example", "The campaign is over."],
  CANCELLED: ["person:analyst@marketing.example", "Asked for too much, will ask again for fewer columns."],
};

export function requestDetail(requestId: string): RequestDetail | null {
  const found = ALL_REQUESTS.find(({ request_id }) => request_id === requestId);
  if (found === undefined) return null;
  const vote = decided.get(requestId);
  const status = vote === undefined ? found.status : vote === "DENY" ? "DENIED" : "APPROVED";
  const steps = STEPS[status] ?? [status];
  return {
    ...found,
    status,
    waiting_for: status === "PENDING" ? found.waiting_for : null,
    tables: found.product == null ? [] : ["orders"],
    columns: found.product == null ? {} : { orders: ["order_id", "ordered_at", "customer_email", "total"] },
    rows: found.product == null ? {} : { orders: "country = 'DE'" },
    later_tables: "excluded",
    principals: ["arn:aws:iam::333333333333:role/analyst"],
    justification:
      "Reach customers again who ordered in spring, for the autumn campaign.\nOnly Germany, only the columns that are needed.",
    purpose: "campaign planning",
    duration_days: 90,
    rule: status === "REJECTED" ? null : "sensitive",
    sensitive: true,
    reasons: status === "REJECTED" ? [] : ["orders.customer_email is personal data"],
    stages: stagesOf(status, requestId),
    history: steps.map((step, place) => ({
      status: step,
      at: ago((steps.length - place) * 2),
      by: BY[step]?.[0] ?? "datamesh:share_data_product",
      why: BY[step]?.[1] ?? found.reason ?? "",
    })),
    granted_at: status === "PROVISIONED" ? ago(198) : null,
    rejection: status === "REJECTED" ? "UnknownColumn" : null,
    rejected_field: status === "REJECTED" ? "columns.customers[2]" : null,
    may_cancel: status === "PENDING",
    may_extend: status === "PROVISIONED",
    may_revoke: status === "PROVISIONED" || status === "FAILED",
  };
}

export function approvalDetail(requestId: string, number: number, email: string): ApprovalDetail | null {
  const summary = APPROVALS.find((each) => each.request_id === requestId && each.number === number);
  const request = requestDetail(requestId);
  if (summary === undefined || request === null) return null;
  const asked = email.endsWith("@sales.example");
  if (!asked && !email.endsWith("@mesh.example")) return null;
  const vote = decided.get(requestId);
  return {
    ...summary,
    status: vote === undefined ? "OPEN" : vote === "DENY" ? "DENIED" : "APPROVED",
    digest: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    purpose: request.purpose,
    duration_days: 90,
    principals: request.principals,
    reasons: ["orders.customer_email is personal data", "rows are limited to country = 'DE'"],
    exposed: [
      {
        name: "orders",
        columns: ["order_id", "ordered_at", "customer_email", "total"],
        column_count: 4,
        sensitive: ["customer_email"],
        hidden: ["shipping_address", "country"],
        already: ["order_id", "ordered_at", "total"],
        rows: "country = 'DE'",
      },
      {
        name: "order_items",
        columns: ["order_id", "position", "sku"],
        column_count: 5,
        sensitive: [],
        hidden: [],
        already: [],
        rows: null,
      },
    ],
    stages: request.stages,
    may_decide: asked && vote === undefined,
    why_not:
      vote !== undefined
        ? `You have decided already: you ${vote === "DENY" ? "denied" : "approved"} it`
        : asked
          ? null
          : "You are not among those who decide on this stage of the request",
  };
}

export function decide(requestId: string, decision: "APPROVE" | "DENY") {
  decided.set(requestId, decision);
  return { request_id: requestId, number: 0, status: decision === "DENY" ? "DENIED" : "APPROVED" };
}

export const waiting = () => APPROVALS.filter(({ request_id }) => !decided.has(request_id));

export const OWN_GRANTS: GrantOfProduct[] = [
  { ...(GRANTS[0] as GrantOfProduct), request_id: id(22) },
  {
    ...(GRANTS[1] as GrantOfProduct),
    request_id: id(24),
    product: { domain: "logistics", name: "shipments" },
    consumer: "marketing",
    tables: ["parcels"],
    columns: { parcels: Array.from({ length: 14 }, (_, number) => `column_${number}`) },
    databases: ["logistics_shared"],
    principals: ["arn:aws:iam::333333333333:role/analyst", "arn:aws:iam::333333333333:role/scheduler"],
  },
  {
    ...(GRANTS[1] as GrantOfProduct),
    request_id: id(23),
    expression: { region: ["apac"] },
    consumer: "marketing",
    tables: [],
  },
];

const event = (number: number, detail_type: string, hours: number, more: Partial<MeshEvent> = {}): MeshEvent => ({
  event_id: id(400 + number),
  detail_type,
  source: detail_type.startsWith("Re") || detail_type.startsWith("Ext") ? "datamesh.domain" : "datamesh.central",
  account: "111111111111",
  occurred_at: ago(hours),
  causation_id: number === 1 ? null : id(401),
  target_account: "222222222222",
  data: { domain: "sales", product: "leads" },
  ...more,
});

const FLOW: MeshEvent[] = [
  event(1, "RegisterDataProduct", 2, {
    account: "222222222222",
    target_account: null,
    data: {
      domain: "sales",
      product: {
        name: "leads",
        description: "People who asked for an offer.",
        tables: [{ name: "leads", location: "s3://other-bucket/leads/", format: "csv" }],
      },
    },
  }),
  event(2, "WorkflowFailed", 1.99, {
    data: {
      workflow: "register_data_product",
      error: "InvalidLocation",
      cause: "s3://other-bucket/leads/ does not lie below the domain's own prefix",
    },
  }),
];

export const EVENTS: MeshEvent[] = [
  event(9, "DataProductAccessRequested", 0.02, {
    data: { request_id: id(24), domain: "marketing", expression: { region: ["emea"] } },
  }),
  event(8, "DataProductAccessDenied", 0.2, { data: { request_id: id(23), reason: "Ask for fewer columns." } }),
  event(7, "DataProductCrawled", 1, { data: { domain: "sales", product: "orders", status: "SUCCEEDED" } }),
  ...FLOW.toReversed(),
];

export const ALL_EXECUTIONS: ExecutionSummary[] = [
  ...EXECUTIONS,
  {
    execution_id: "share_data_product:7d3e",
    workflow: "share_data_product",
    status: "SUCCEEDED",
    domain: "marketing",
    subject: id(22),
    correlation_id: id(33),
    started_at: ago(199),
    stopped_at: ago(198.9),
    error: null,
    cause: null,
  },
];

/** Executions that were started again: they run when they are first looked at, and end well after that. */
const again = new Map<string, { of: ExecutionSummary; looks: number; since: string }>();

export function retry(executionId: string): string {
  const found = ALL_EXECUTIONS.find(({ execution_id }) => execution_id === executionId);
  const name = `${executionId}-retry-1`;
  if (found !== undefined) again.set(name, { of: found, looks: 0, since: new Date().toISOString() });
  return name;
}

export function executionDetail(executionId: string, email: string): ExecutionDetail | null {
  const anew = again.get(executionId);
  if (anew !== undefined) {
    anew.looks += 1;
    if (anew.looks === 1) return null;
  }
  const found = anew?.of ?? ALL_EXECUTIONS.find(({ execution_id }) => execution_id === executionId);
  if (found === undefined) return null;
  const done = anew !== undefined && anew.looks > 3;
  const status = anew === undefined ? found.status : done ? "SUCCEEDED" : "RUNNING";
  const failed = status === "FAILED";
  return {
    ...found,
    execution_id: executionId,
    status,
    started_at: anew?.since ?? found.started_at,
    stopped_at: anew === undefined ? found.stopped_at : done ? new Date().toISOString() : null,
    error: failed ? found.error : null,
    cause: failed ? found.cause : null,
    started_by: FLOW[0] ?? null,
    steps: [
      {
        name: "Validate",
        type: "Task",
        status: "SUCCEEDED",
        entered_at: ago(2),
        exited_at: ago(1.9998),
        error: null,
        cause: null,
      },
      {
        name: "WaitForCatalog",
        type: "Wait",
        status: "CAUGHT",
        entered_at: ago(1.9998),
        exited_at: ago(1.995),
        error: "EntityNotFoundException",
        cause: "The database was not there yet",
      },
      {
        name: "CreateTables",
        type: "Task",
        status: failed ? "FAILED" : status === "RUNNING" ? "RUNNING" : "SUCCEEDED",
        entered_at: ago(1.995),
        exited_at: status === "RUNNING" ? null : ago(1.99),
        error: failed ? found.error : null,
        cause: failed ? found.cause : null,
      },
    ],
    events: failed ? FLOW : FLOW.slice(0, 1),
    may_retry: failed && ["operator@mesh.example", "admin@mesh.example"].includes(email),
  };
}

export function flow(correlationId: string): Operation | null {
  const executions = ALL_EXECUTIONS.filter(({ correlation_id }) => correlation_id === correlationId);
  if (executions.length === 0) return null;
  const failed = executions.find(({ status }) => status === "FAILED");
  return {
    correlation_id: correlationId,
    status: failed === undefined ? "PENDING" : "FAILED",
    error: failed?.error ?? null,
    message: failed?.cause ?? null,
    field: null,
    events: failed === undefined ? FLOW.slice(0, 1) : FLOW,
    executions,
  };
}

const digest = (number: number) => String(number).repeat(64).slice(0, 64);
export const LEDGER: LedgerEntry[] = (
  [
    ["VoteCast", "person:owner@sales.example", 23, { stage: 0, decision: "DENY", via: "portal" }],
    ["AccessDenied", "person:owner@sales.example", 23, { stage: 0, reason: "Ask for fewer columns." }],
    ["AccessProvisioned", "account:333333333333", 22, { databases: ["sales_shared"] }],
    ["AccessGranted", "policy:sensitive", 22, { tables: { orders: 4 }, exposure: digest(7) }],
    ["AccessRequested", "person:analyst@marketing.example", 22, { product: "sales.orders", purpose: null }],
    ["PolicyInForce", "datamesh:request_data_product_access", null, { digest: digest(5) }],
  ] as const
).map(([kind, actor, request, details], place, { length }) => ({
  kind,
  at: ago(place * 7),
  actor,
  request_id: request === null ? null : id(request),
  domain: request === null ? null : "marketing",
  details,
  sequence: length - place,
  previous: digest(length - place - 1),
  digest: digest(length - place),
}));
