/** What the made-up mesh answers, route by route. The first route that fits answers; `null` is a 404. */
import type {
  AccessPreview,
  AccessRequest,
  Accepted,
  DecisionGiven,
  Operation,
  ProductPlan,
  ProductRegistration,
  SearchResult,
} from "@/api/types";
import { DOMAINS, GRANTS, id, LF_TAGS, PEOPLE, PRODUCTS } from "./data.ts";
import * as flows from "./flows.ts";

export interface Asked {
  email: string;
  query: URLSearchParams;
  body: unknown;
  /** What the path's groups matched. */
  path: string[];
}

export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
    readonly field: string | null = null,
  ) {
    super(detail);
  }
}

type Answer = (asked: Asked) => unknown;
type Route = readonly [method: string, path: RegExp, status: number, answer: Answer];

const page = <T>(items: T[]) => ({ items, next_cursor: null });
const mine = (email: string) => (PEOPLE[email]?.domains ?? []).map(({ domain }) => domain);

/** Commands come to an end after a few looks; a name with `reject` or `fail` in it ends badly. */
const running = new Map<string, { command: string; subject: string; looks: number }>();

function accept(command: string, subject: string, request_id: string | null = null): Accepted {
  const correlation_id = crypto.randomUUID();
  running.set(correlation_id, { command, subject, looks: 0 });
  return { correlation_id, command, request_id };
}

const FACTS: Record<string, string> = {
  RegisterDataDomain: "DataDomainRegistered",
  DeregisterDataDomain: "DataDomainDeregistered",
  RegisterDataProduct: "DataProductRegistered",
  DeregisterDataProduct: "DataProductDeregistered",
  RequestDataProductAccess: "DataProductAccessRequested",
  ExtendDataProductAccess: "DataProductAccessRequested",
  RevokeDataProductAccess: "DataProductAccessRevoked",
};

function operation({ path }: Asked): Operation | null {
  const correlation_id = path[0] ?? "";
  const found = running.get(correlation_id);
  if (found === undefined) return null;
  found.looks += 1;
  if (found.looks === 1) return null;
  const event = (number: number, detail_type: string) => ({
    event_id: id(900 + number),
    detail_type,
    source: "datamesh.central",
    account: "111111111111",
    occurred_at: new Date().toISOString(),
    causation_id: null,
    target_account: null,
    data: {},
  });
  const base = { correlation_id, error: null, message: null, field: null, executions: [] };
  const asked = event(1, found.command);
  if (found.looks < 4) return { ...base, status: "PENDING", events: [asked] };
  if (found.subject.includes("reject")) {
    return {
      ...base,
      status: "REJECTED",
      error: "InvalidLocation",
      message: "s3://other/ does not lie below the domain's own prefix s3://sales-lake-222222222222/products/",
      field: "product.tables[0].location",
      events: [asked, event(2, "CommandRejected")],
    };
  }
  if (found.subject.includes("fail")) {
    return {
      ...base,
      status: "FAILED",
      error: "States.Timeout",
      message: "register_data_product: the step CreateTables did not end in time",
      events: [asked, event(2, "WorkflowFailed")],
    };
  }
  return { ...base, status: "SUCCEEDED", events: [asked, event(2, FACTS[found.command] ?? "Done")] };
}

function search({ query }: Asked): SearchResult {
  const text = (query.get("q") ?? "").toLowerCase();
  const found = PRODUCTS.filter(
    (product) =>
      product.status !== "FAILED" &&
      (text === "" ||
        JSON.stringify([product.name, product.description, product.tables]).toLowerCase().includes(text)) &&
      (query.getAll("domain").length === 0 || query.getAll("domain").includes(product.domain)) &&
      (query.getAll("classification").length === 0 ||
        query.getAll("classification").includes(product.classification ?? "unclassified")),
  );
  const count = (values: string[]) =>
    [...new Set(values)].map((value) => ({ value, count: values.filter((other) => other === value).length }));
  return {
    total: found.length,
    hits: found.map((product, place) => ({
      domain: product.domain,
      name: product.name,
      description: product.description,
      classification: product.classification ?? "unclassified",
      pii: product.pii,
      sensitive: product.sensitive,
      access_mode: product.access_mode,
      tags: Object.entries(product.tags ?? {}).map(([key, value]) => `${key}=${value}`),
      formats: [...new Set((product.tables ?? []).map(({ format }) => format))],
      owners: (product.owners ?? []).map(({ email }) => email),
      tables: (product.tables ?? []).map(({ name }) => name),
      matched_columns:
        text === ""
          ? []
          : (product.tables ?? []).flatMap(({ name, columns }) =>
              (columns ?? []).filter((column) => column.name.includes(text)).map((column) => `${name}.${column.name}`),
            ),
      score: 10 - place,
    })),
    facets: [
      { name: "domain", values: count(found.map(({ domain }) => domain)) },
      { name: "classification", values: count(found.map(({ classification }) => classification ?? "unclassified")) },
      {
        name: "tag",
        values: count(found.flatMap(({ tags }) => Object.entries(tags ?? {}).map(([k, v]) => `${k}=${v}`))),
      },
      { name: "format", values: count(found.flatMap(({ tables }) => (tables ?? []).map(({ format }) => format))) },
      { name: "owner", values: count(found.flatMap(({ owners }) => (owners ?? []).map(({ email }) => email))) },
    ],
    next_cursor: null,
  };
}

function plan({ body, path }: Asked): ProductPlan {
  const { manifest, product } = body as ProductRegistration;
  const empty = { product: null, exists: false, problems: [], changes: [], affected: [] };
  if (manifest != null) {
    if (!manifest.includes("apiVersion")) {
      return {
        ...empty,
        problems: [
          {
            severity: "error",
            line: 1,
            column: 1,
            field: "apiVersion",
            message: "is missing: expected v3.0.0 or newer",
          },
          {
            severity: "error",
            line: 4,
            column: 15,
            field: "schema[0].properties[2].logicalType",
            message: "expected one of string, date, number, integer, object, array, boolean; got text",
          },
          {
            severity: "warning",
            line: 9,
            column: 5,
            field: "schema[0].properties[3].classification",
            message: "is missing: the column counts as sensitive",
          },
        ],
      };
    }
    if (manifest.includes("orders")) {
      const orders = PRODUCTS.find(({ domain, name }) => domain === path[0] && name === "orders");
      return {
        ...empty,
        exists: true,
        product: spec("orders"),
        problems: [
          {
            severity: "warning",
            line: 9,
            column: 5,
            field: "schema[0].properties[3].classification",
            message: "is missing: the column counts as sensitive",
          },
        ],
        changes: [
          {
            kind: "removed",
            breaking: true,
            refused: false,
            table: "orders",
            column: "total",
            what: "column",
            before: "decimal(12,2)",
            after: null,
          },
          {
            kind: "changed",
            breaking: true,
            refused: false,
            table: "orders",
            column: "country",
            what: "type",
            before: "string",
            after: "int",
          },
          {
            kind: "added",
            breaking: false,
            refused: false,
            table: "orders",
            column: "currency",
            what: "column",
            before: null,
            after: "string",
          },
          {
            kind: "changed",
            breaking: false,
            refused: false,
            table: null,
            column: null,
            what: "description",
            before: orders?.description ?? "",
            after: "Orders",
          },
        ],
        affected: [
          {
            consumer: "marketing",
            request_id: id(11),
            tables: ["orders"],
            principals: ["arn:aws:iam::333333333333:role/analyst"],
          },
        ],
      };
    }
    return {
      ...empty,
      product: spec("web_events"),
      changes: [
        {
          kind: "added",
          breaking: false,
          refused: false,
          table: "web_events",
          column: null,
          what: "table",
          before: null,
          after: null,
        },
      ],
    };
  }
  if (product == null) throw new Refusal(422, "InvalidRequest", "give exactly one of manifest and product");
  return {
    ...empty,
    product,
    changes: [
      {
        kind: "added",
        breaking: false,
        refused: false,
        table: product.tables[0]?.name ?? null,
        column: null,
        what: "table",
        before: null,
        after: null,
      },
    ],
  };
}

const spec = (name: string): ProductPlan["product"] => ({
  name,
  description: "Out of the manifest",
  classification: "internal",
  pii: false,
  access_mode: "nrac",
  tags: {},
  tables: [
    {
      name,
      location: `s3://sales-lake-222222222222/products/${name}/`,
      format: "parquet",
      description: null,
      columns: [],
      partition_keys: [],
      tags: {},
    },
  ],
});

function preview({ body }: Asked): AccessPreview {
  const asked = body as AccessRequest;
  const answer: AccessPreview = {
    outcome: "GRANTED_AT_ONCE",
    rule: "not-sensitive",
    sensitive: false,
    reasons: [],
    stages: [],
    duration_days: asked.duration_days,
    shown: [],
    code: null,
    message: null,
    field: null,
  };
  if (Object.values(asked.rows ?? {}).some((filter) => filter.includes(";"))) {
    return {
      ...answer,
      outcome: "REJECTED",
      rule: null,
      code: "InvalidRequest",
      message: "expected an expression such as country = 'DE', got a statement",
      field: "rows.orders",
    };
  }
  if (asked.principals.some((arn) => !arn.includes(":333333333333:"))) {
    return {
      ...answer,
      outcome: "REJECTED",
      rule: null,
      code: "ForeignPrincipal",
      message: "expected a role or user of account 333333333333",
      field: "principals[0]",
    };
  }
  const columns = asked.columns?.orders;
  if (
    asked.product?.name === "orders" &&
    columns?.includes("customer_email") !== false &&
    (asked.tables?.includes("orders") ?? true)
  ) {
    return {
      ...answer,
      outcome: "NEEDS_APPROVAL",
      rule: "sensitive",
      sensitive: true,
      reasons: [
        "orders.customer_email is personal data",
        "nobody has said whether orders.shipping_address.city is personal data",
      ],
      stages: [
        { name: "owners", approvers: ["owner@sales.example"], quorum: 1, deadline_hours: 72 },
        { name: "privacy", approvers: ["dpo@mesh.example", "dpo-deputy@mesh.example"], quorum: 2, deadline_hours: 48 },
      ],
      duration_days: asked.duration_days ?? 90,
      shown: [
        {
          name: "orders",
          columns: ["order_id", "ordered_at", "customer_email", "total"],
          column_count: 7,
          sensitive: ["customer_email"],
        },
      ],
    };
  }
  return {
    ...answer,
    shown: [
      {
        name: asked.product?.name ?? "logistics_tbac.parcels",
        columns: ["order_id", "sku"],
        column_count: 4,
        sensitive: [],
      },
    ],
  };
}

/** A comment with `changed` or `late` in it is refused as such. */
function decision({ body, path }: Asked) {
  const given = body as DecisionGiven;
  const comment = given.comment ?? "";
  if (comment.includes("changed")) {
    throw new Refusal(
      409,
      "RequestChanged",
      "What the request would show has changed: whoever decides is asked again.",
    );
  }
  if (comment.includes("late")) throw new Refusal(410, "StageOverdue", "The time to decide is over");
  return flows.decide(path[0] ?? "", given.decision);
}

function link({ path, email }: Asked) {
  if (path[0] === "expired") throw new Refusal(410, "LinkExpired", "The time to decide is over");
  if (path[0] !== "good") return null;
  if (email !== "owner@sales.example") {
    throw new Refusal(403, "NotEligible", "This link was sent to somebody else: sign in with the address that got it");
  }
  return { request_id: id(21), number: 0 };
}

function standing(query: URLSearchParams) {
  const status = query.get("status");
  return flows.ALL_EXECUTIONS.filter((execution) => status === null || execution.status === status);
}

function audit({ path, query }: Asked) {
  const [kind, request] = [query.get("kind"), query.get("request_id")];
  return page(
    flows.LEDGER.filter(
      (entry) =>
        (path[0] === undefined || entry.domain === path[0]) &&
        (kind === null || entry.kind === kind) &&
        (request === null || entry.request_id === request),
    ),
  );
}

export const ROUTES: readonly Route[] = [
  ["GET", /^\/v1\/me$/, 200, ({ email }) => PEOPLE[email] ?? null],
  ["GET", /^\/v1\/domains$/, 200, () => page(DOMAINS)],
  ["POST", /^\/v1\/domains$/, 202, ({ body }) => accept("RegisterDataDomain", (body as { domain: string }).domain)],
  [
    "GET",
    /^\/v1\/domains\/([^/]+)$/,
    200,
    ({ path, email }) => {
      const found = DOMAINS.find(({ domain }) => domain === path[0]);
      if (found === undefined) return null;
      const inside = mine(email).includes(found.domain) || email === "admin@mesh.example";
      return inside ? found : { ...found, location: null, bus_arn: null, config_secret_arn: null };
    },
  ],
  ["DELETE", /^\/v1\/domains\/([^/]+)$/, 202, ({ path }) => accept("DeregisterDataDomain", path[0] ?? "")],
  ["GET", /^\/v1\/products$/, 200, search],
  [
    "GET",
    /^\/v1\/domains\/([^/]+)\/products$/,
    200,
    ({ path }) => page(PRODUCTS.filter(({ domain }) => domain === path[0])),
  ],
  ["POST", /^\/v1\/domains\/([^/]+)\/product-plans$/, 200, plan],
  [
    "POST",
    /^\/v1\/domains\/([^/]+)\/products$/,
    202,
    (asked) => accept("RegisterDataProduct", JSON.stringify(asked.body)),
  ],
  [
    "PUT",
    /^\/v1\/domains\/([^/]+)\/products\/([^/]+)$/,
    202,
    (asked) => accept("RegisterDataProduct", JSON.stringify(asked.body)),
  ],
  [
    "DELETE",
    /^\/v1\/domains\/([^/]+)\/products\/([^/]+)$/,
    202,
    ({ path }) => accept("DeregisterDataProduct", path[1] ?? ""),
  ],
  [
    "GET",
    /^\/v1\/domains\/([^/]+)\/products\/([^/]+)$/,
    200,
    ({ path, email }) => {
      const found = PRODUCTS.find(({ domain, name }) => domain === path[0] && name === path[1]);
      if (found === undefined) return null;
      const readable_by = (found.readable_by ?? []).filter((domain) => mine(email).includes(domain));
      const own = mine(email).includes(found.domain);
      return {
        ...found,
        readable_by,
        may_edit: own,
        queries: readable_by.length > 0 || own ? found.queries : [],
        tables: (found.tables ?? []).map((table) => ({
          ...table,
          location: own ? table.location : null,
          samples: readable_by.length > 0 || own ? table.samples : null,
        })),
      };
    },
  ],
  [
    "GET",
    /^\/v1\/domains\/([^/]+)\/products\/([^/]+)\/grants$/,
    200,
    ({ path }) => page(path[1] === "orders" ? GRANTS : []),
  ],
  ["GET", /^\/v1\/lf-tags$/, 200, () => page(LF_TAGS)],
  ["POST", /^\/v1\/access-previews$/, 200, preview],
  [
    "POST",
    /^\/v1\/access-requests$/,
    202,
    ({ body }) => accept("RequestDataProductAccess", (body as AccessRequest).justification, id(21)),
  ],
  [
    "GET",
    /^\/v1\/domains\/([^/]+)\/access-requests$/,
    200,
    ({ path }) => page(flows.ALL_REQUESTS.filter(({ domain }) => domain === path[0])),
  ],
  ["GET", /^\/v1\/access-requests\/([^/]+)$/, 200, ({ path }) => flows.requestDetail(path[0] ?? "")],
  [
    "POST",
    /^\/v1\/access-requests\/([^/]+)\/extend$/,
    202,
    ({ body }) => accept("ExtendDataProductAccess", (body as { justification: string }).justification, id(30)),
  ],
  [
    "POST",
    /^\/v1\/access-requests\/([^/]+)\/(cancel|revoke)$/,
    202,
    ({ body, path }) => accept("RevokeDataProductAccess", (body as { reason: string }).reason, path[0]),
  ],
  [
    "GET",
    /^\/v1\/approvals$/,
    200,
    ({ email }) => page(["owner@sales.example", "steward@sales.example"].includes(email) ? flows.waiting() : []),
  ],
  [
    "GET",
    /^\/v1\/approvals\/([^/]+)\/(\d+)$/,
    200,
    ({ path, email }) => flows.approvalDetail(path[0] ?? "", Number(path[1]), email),
  ],
  ["POST", /^\/v1\/approvals\/([^/]+)\/(\d+)\/decision$/, 200, decision],
  ["GET", /^\/v1\/approval-links\/([^/]+)$/, 200, link],
  ["GET", /^\/v1\/domains\/([^/]+)\/grants$/, 200, ({ path }) => page(path[0] === "marketing" ? flows.OWN_GRANTS : [])],
  ["GET", /^\/v1\/operations\/([^/]+)$/, 200, (asked) => flows.flow(asked.path[0] ?? "") ?? operation(asked)],
  [
    "GET",
    /^\/v1\/domains\/([^/]+)\/executions$/,
    200,
    ({ path, query }) => page(standing(query).filter(({ domain }) => domain === path[0])),
  ],
  ["GET", /^\/v1\/executions$/, 200, ({ query }) => page(standing(query))],
  ["GET", /^\/v1\/executions\/([^/]+)$/, 200, ({ path, email }) => flows.executionDetail(path[0] ?? "", email)],
  [
    "POST",
    /^\/v1\/executions\/([^/]+)\/retry$/,
    202,
    ({ path }) => ({ ...accept("RegisterDataProduct", ""), execution_id: flows.retry(path[0] ?? "") }),
  ],
  ["GET", /^\/v1\/domains\/([^/]+)\/events$/, 200, ({ path }) => page(path[0] === "logistics" ? [] : flows.EVENTS)],
  ["GET", /^\/v1\/events$/, 200, () => page(flows.EVENTS)],
  ["GET", /^\/v1\/audit$/, 200, audit],
  ["GET", /^\/v1\/domains\/([^/]+)\/audit$/, 200, audit],
];
