import { describe, expect, it } from "vitest";
import { ApiProblem } from "@/api/problem";
import type { RequestSummary } from "@/api/types";
import { scopeOf } from "@/components/scope";
import { actorText, camelWords, distanceText, durationText } from "@/components/words";
import { allPages } from "@/pages/access/model";
import {
  afterVote,
  columnsOf,
  linkRefusal,
  problemOfComment,
  refusalOf,
  sumOf,
  unnamedOf,
} from "@/pages/approvals/model";
import { isRequestId, kindOf } from "@/pages/audit/model";
import { lasted, statusOf, toneOfEvent, wayOf } from "@/pages/executions/model";
import { askedTables, inGroup, merged, problemOfDays, problemOfReason, waitsFor } from "@/pages/requests/model";

const request = (requested_at: string, more: Partial<RequestSummary> = {}): RequestSummary => ({
  request_id: requested_at,
  sort: "access",
  status: "PENDING",
  domain: "marketing",
  requested_at,
  ...more,
});

describe("merged lists of domains", () => {
  it("are sorted by time, the newest first", () => {
    const parts = [
      { items: [request("2026-03"), request("2026-01")], more: false },
      { items: [request("2026-02")], more: false },
    ];
    expect(merged(parts).map(({ requested_at }) => requested_at)).toEqual(["2026-03", "2026-02", "2026-01"]);
  });

  it("show nothing that is older than what was not read yet of another domain", () => {
    const parts = [
      { items: [request("2026-05"), request("2026-04")], more: true },
      { items: [request("2026-06"), request("2026-01")], more: false },
    ];
    expect(merged(parts).map(({ requested_at }) => requested_at)).toEqual(["2026-06", "2026-05", "2026-04"]);
  });
});

describe("requests", () => {
  it("are found by what people look for", () => {
    expect(inGroup("REJECTED", "refused")).toBe(true);
    expect(inGroup("PENDING", "refused")).toBe(false);
    expect(inGroup("PENDING", "")).toBe(true);
    expect(inGroup("PENDING", "toString")).toBe(true);
  });

  it("say what they wait for", () => {
    expect(waitsFor(request("2026", { waiting_for: "owners" }))).toContain("“owners”");
    expect(waitsFor(request("2026", { status: "PROVISIONED" }))).toBeNull();
    expect(waitsFor(request("2026", { status: "GRANTED", sort: "extension" }))).toBeNull();
  });

  it("name every table that was spoken of, once", () => {
    expect(askedTables({ tables: ["a"], columns: { a: ["x"], b: ["y"] }, rows: { a: "x = 1" } })).toEqual([
      { table: "a", columns: ["x"], rows: "x = 1" },
      { table: "b", columns: ["y"], rows: null },
    ]);
  });

  it("want a reason, and days within bounds", () => {
    expect(problemOfReason("  ")).not.toBeNull();
    expect(problemOfReason("x".repeat(2_049))).toContain("2048");
    expect(problemOfReason("over")).toBeNull();
    expect(["", "0", "1.5", "-1", "3651", "1e2"].map(problemOfDays)).not.toContain(null);
    expect(["1", " 90 ", "3650"].map(problemOfDays)).toEqual([null, null, null]);
  });
});

const table = {
  name: "orders",
  columns: ["id", "email", "total"],
  column_count: 5,
  sensitive: ["email"],
  hidden: ["address"],
  already: ["id"],
};

describe("what a decision changes", () => {
  it("puts what is new first, and of that what is sensitive", () => {
    expect(columnsOf(table).map(({ name, change, sensitive }) => [name, change, sensitive])).toEqual([
      ["email", "new", true],
      ["total", "new", false],
      ["id", "already", false],
      ["address", "hidden", false],
    ]);
  });

  it("counts columns that the list is too long to name as shown and new", () => {
    expect(unnamedOf(table)).toBe(2);
    expect(sumOf([table])).toEqual({ tables: 1, shown: 5, fresh: 4, sensitive: 1 });
  });

  it("wants a denial to say why, not an approval", () => {
    expect(problemOfComment("DENY", " ")).not.toBeNull();
    expect(problemOfComment("APPROVE", "")).toBeNull();
    expect(problemOfComment("APPROVE", "x".repeat(2_049))).not.toBeNull();
  });

  it("tells conflicts by what they mean", () => {
    const refusal = (status: number, code: string) => refusalOf(new ApiProblem({ status, code, detail: "Why." }));
    expect(refusal(409, "RequestChanged")).toMatchObject({ moved: true, header: "The request has changed" });
    expect(refusal(409, "AlreadyVoted")?.header).toBe("You have decided before");
    expect(refusal(410, "StageOverdue")?.header).toBe("The time to decide is over");
    expect(refusal(409, "Whatever")?.text).toBe("Why.");
    expect(refusal(400, "BallotIncomplete")).toBeNull();
    expect(refusal(503, "Busy")).toBeNull();
  });

  it("says whether others have to agree", () => {
    expect(afterVote("APPROVE", "OPEN")).toContain("Others");
    expect(afterVote("APPROVE", "APPROVED")).toContain("this stage is approved");
    expect(afterVote("DENY", "DENIED")).toContain("denied");
  });

  it("explains refused links, and whom to sign in as", () => {
    const refusal = (status: number) => linkRefusal(new ApiProblem({ status, code: "x" }));
    expect(refusal(403)?.another).toBe(true);
    expect(refusal(404)?.another).toBe(false);
    expect(refusal(410)?.header).toContain("time");
    expect(refusal(503)).toBeNull();
  });
});

describe("words", () => {
  it("name who did something", () => {
    expect(actorText("person:a@b.example")).toBe("a@b.example");
    expect(actorText("policy:sensitive")).toContain("“sensitive”");
    expect(actorText("datamesh:share_data_product")).toBe("the mesh (share data product)");
    expect(actorText("arn:aws:iam::1:role/x")).toBe("arn:aws:iam::1:role/x");
    expect(camelWords("DataProductRegistered")).toBe("Data product registered");
  });

  it("say how far away and how long", () => {
    const now = Date.parse("2026-01-10T12:00:00Z");
    expect(distanceText("2026-01-11T08:30:00Z", now)).toBe("in 20 hours");
    expect(distanceText("2026-01-07T12:00:00Z", now)).toBe("3 days ago");
    expect(distanceText("2026-01-10T12:00:30Z", now)).toBe("in a moment");
    expect(durationText("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.420Z")).toBe("0.4 s");
    expect(durationText("2026-01-01T00:00:00Z", "2026-01-01T00:02:05Z")).toBe("2 min 5 s");
    expect(durationText("2026-01-01T00:00:00Z", "2026-01-01T03:59:59Z")).toBe("4 h 0 min");
    expect(lasted({ started_at: "2026-01-01T00:00:00Z", stopped_at: null })).toBeNull();
  });
});

describe("executions and events", () => {
  it("take only states that there are out of the address", () => {
    expect(statusOf("FAILED")).toBe("FAILED");
    expect(statusOf("BROKEN")).toBeNull();
  });

  it("tell bad events from good ones", () => {
    expect(
      ["CommandRejected", "WorkflowFailed", "DataProductAccessDenied"].map((detail_type) =>
        toneOfEvent({ detail_type }),
      ),
    ).toEqual(["error", "error", "error"]);
    expect(toneOfEvent({ detail_type: "DataProductRegistered" })).toBe("success");
  });

  it("say from where to where", () => {
    const event = {
      event_id: "1",
      detail_type: "X",
      source: "datamesh.central",
      account: "1",
      occurred_at: "",
      data: {},
    };
    expect(wayOf({ ...event, target_account: "2" })).toBe("from central (1) to account 2");
    expect(wayOf({ ...event, source: "datamesh.domain" })).toBe("from account 1");
  });
});

describe("the ledger's filters", () => {
  it("take only what there is", () => {
    expect(kindOf("VoteCast")).toBe("VoteCast");
    expect(kindOf("constructor")).toBeNull();
    expect(isRequestId("00000000-0000-4000-8000-000000000021")).toBe(true);
    expect(isRequestId("21")).toBe(false);
  });
});

describe("which domain is shown", () => {
  const me = (mesh_roles: "auditor"[]) => ({
    email: "a@b.example",
    domains: [{ domain: "sales", roles: ["owner" as const] }],
    mesh_roles,
  });
  const rules = {
    all: ({ mesh_roles }: { mesh_roles: readonly string[] }) => mesh_roles.includes("auditor"),
    own: ({ domains }: { domains: readonly { domain: string }[] }) => domains.map(({ domain }) => domain),
  };

  it("is one of the person's own, whatever the address says", () => {
    expect(scopeOf(me([]), "finance", ["finance"], rules).domain).toBe("sales");
    expect(scopeOf(undefined, "", [], rules).domain).toBeUndefined();
  });

  it("is any, or all, for those who oversee the mesh", () => {
    expect(scopeOf(me(["auditor"]), "", ["finance"], rules).domain).toBeNull();
    expect(scopeOf(me(["auditor"]), "finance", [], rules).domain).toBe("finance");
  });
});

describe("lists that are read to their end", () => {
  it("follow the cursor", async () => {
    const asked: (string | undefined)[] = [];
    const items = await allPages((cursor) => {
      asked.push(cursor);
      return Promise.resolve(cursor === undefined ? { items: [1], next_cursor: "b" } : { items: [2] });
    });
    expect(items).toEqual([1, 2]);
    expect(asked).toEqual([undefined, "b"]);
  });
});
