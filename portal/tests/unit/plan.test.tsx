import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { MemoryRouter } from "react-router";
import { describe, expect, it, vi } from "vitest";
import type { ProductPlan, ProductSpec, SchemaChange } from "@/api/types";
import { breakingFirst, inOrder, rangeOfLine, verdictOf } from "@/pages/products/plan";
import { PlanView } from "@/pages/products/PlanView";

const product: ProductSpec = {
  name: "orders",
  description: "Orders",
  access_mode: "nrac",
  tables: [
    { name: "orders", location: "s3://lake/products/orders/", format: "parquet", columns: [], partition_keys: [] },
  ],
};
const change = (part: Partial<SchemaChange>): SchemaChange => ({
  kind: "changed",
  breaking: false,
  refused: false,
  table: "orders",
  column: "total",
  what: "type",
  ...part,
});
const plan = (part: Partial<ProductPlan> = {}): ProductPlan => ({
  product,
  exists: true,
  problems: [],
  changes: [],
  affected: [],
  ...part,
});
const affected = [
  {
    consumer: "marketing",
    request_id: "00000000-0000-4000-8000-000000000001",
    tables: ["orders"],
    principals: ["arn:a"],
  },
  {
    consumer: "marketing",
    request_id: "00000000-0000-4000-8000-000000000002",
    tables: ["orders"],
    principals: ["arn:b"],
  },
];

describe("verdictOf", () => {
  it("refuses errors, whatever else there is", () => {
    const problems = [{ severity: "error" as const, field: "name", message: "is missing" }];
    expect(verdictOf(plan({ product: null, problems }))).toMatchObject({ possible: false });
  });

  it("lets warnings pass", () => {
    const problems = [{ severity: "warning" as const, field: "name", message: "odd" }];
    expect(verdictOf(plan({ problems })).possible).toBe(true);
  });

  it("refuses changes that cannot be made", () => {
    expect(verdictOf(plan({ changes: [change({ breaking: true, refused: true })] }))).toMatchObject({
      possible: false,
    });
  });

  it("counts each consumer that is hit once", () => {
    const verdict = verdictOf(plan({ changes: [change({ breaking: true })], affected }));
    expect(verdict).toMatchObject({ possible: true, breaking: true });
    expect(verdict.says).toContain("1 consumer would be hit");
  });

  it("knows a new product and one that stays as it is", () => {
    expect(verdictOf(plan({ exists: false, changes: [change({ kind: "added" })] })).says).toContain("new product");
    expect(verdictOf(plan()).says).toBe("It changes nothing.");
  });
});

describe("order", () => {
  it("puts errors first, then goes by line", () => {
    const problems = [
      { severity: "warning" as const, line: 1, field: "a", message: "" },
      { severity: "error" as const, line: 9, field: "b", message: "" },
      { severity: "error" as const, line: 2, field: "c", message: "" },
    ];
    expect(inOrder(problems).map(({ field }) => field)).toEqual(["c", "b", "a"]);
  });

  it("puts what breaks first", () => {
    const changes = [
      change({ what: "a" }),
      change({ what: "b", breaking: true }),
      change({ what: "c", refused: true }),
    ];
    expect(breakingFirst(changes).map(({ what }) => what)).toEqual(["c", "b", "a"]);
  });

  it("finds a line in a text, also one that is not there", () => {
    expect(rangeOfLine("ab\ncde\nf", 2)).toEqual([3, 6]);
    expect(rangeOfLine("ab", 5)).toEqual([2, 2]);
  });
});

describe("PlanView", () => {
  it("leads to the place of a problem", async () => {
    const onGoTo = vi.fn();
    const problems = [
      { severity: "error" as const, line: 4, column: 7, field: "schema[0].name", message: "is missing" },
    ];
    render(<PlanView plan={plan({ product: null, problems })} onGoTo={onGoTo} />);
    await userEvent.click(screen.getByRole("button", { name: "Go to line 4, column 7" }));
    expect(onGoTo).toHaveBeenCalledWith(4, 7);
    expect(screen.getByText("schema[0].name")).toBeVisible();
  });

  it("shows changes and who is hit", () => {
    const changes = [change({ breaking: true, before: "decimal", after: "int" })];
    render(
      <MemoryRouter>
        <PlanView plan={plan({ changes, affected })} />
      </MemoryRouter>,
    );
    expect(screen.getByText("orders.total")).toBeVisible();
    expect(screen.getByText("breaking")).toBeVisible();
    expect(screen.getByText("arn:b")).toBeVisible();
    expect(screen.getAllByRole("link", { name: "Open request" })).toHaveLength(2);
  });
});
