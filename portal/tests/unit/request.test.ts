import { describe, expect, it } from "vitest";
import {
  emptyRequest,
  fieldOf,
  previewOf,
  problemsOf,
  problemsOfScope,
  requestOf,
  withPrincipals,
  type RequestForm,
} from "@/pages/access-request/model";

const ACCOUNT = "333333333333";
const ROLE = `arn:aws:iam::${ACCOUNT}:role/analyst`;
const product = { domain: "sales", name: "orders" };
const form = (part: Partial<RequestForm> = {}): RequestForm => ({
  ...emptyRequest("name", product, "marketing"),
  principals: [ROLE],
  justification: "For the campaign",
  ...part,
});

describe("requestOf", () => {
  it("asks for the whole product, with later tables if wanted", () => {
    expect(requestOf(form({ laterTables: true }))).toMatchObject({
      domain: "marketing",
      product,
      tables: null,
      columns: {},
      rows: {},
      later_tables: "included",
      expression: null,
      duration_days: null,
      purpose: null,
    });
  });

  it("asks for chosen tables, columns and rows only; never for later tables then", () => {
    const asked = requestOf(
      form({
        whole: false,
        laterTables: true,
        tables: {
          orders: { chosen: true, columns: ["order_id"], rows: " country = 'DE' " },
          items: { chosen: true, columns: null, rows: "" },
          customers: { chosen: false, columns: ["birthday"], rows: "x" },
        },
        days: "30",
        purpose: "campaign",
      }),
    );
    expect(asked).toMatchObject({
      tables: ["items", "orders"],
      columns: { orders: ["order_id"] },
      rows: { orders: "country = 'DE'" },
      later_tables: "excluded",
      duration_days: 30,
      purpose: "campaign",
    });
  });

  it("asks by tags without a product", () => {
    const asked = requestOf(form({ by: "tags", expression: [{ key: "region", values: ["emea", "apac"] }] }));
    expect(asked).toMatchObject({ product: null, tables: null, expression: { region: ["emea", "apac"] } });
  });

  it("can be asked of the policy before the justification is written", () => {
    expect(previewOf(form({ justification: "" })).justification).not.toBe("");
    expect(previewOf(form()).justification).toBe("For the campaign");
  });
});

describe("problemsOf", () => {
  it("finds nothing wrong with a complete request", () => {
    expect(problemsOf(form(), ACCOUNT)).toEqual({});
  });

  it.each<[string, Partial<RequestForm>, string]>([
    ["no consumer", { consumer: "" }, "consumer"],
    ["no principal", { principals: [] }, "principals"],
    ["what is no ARN", { principals: ["analyst"] }, "principals"],
    ["another account", { principals: ["arn:aws:iam::222222222222:role/x"] }, "principals"],
    ["no table", { whole: false }, "tables"],
    ["no column", { whole: false, tables: { orders: { chosen: true, columns: [], rows: "" } } }, "columns.orders"],
    ["a strange purpose", { purpose: "Fun!" }, "purpose"],
    ["half a day", { days: "0.5" }, "days"],
    ["too many days", { days: "4000" }, "days"],
    ["no tag", { by: "tags" }, "expression"],
    ["a tag without values", { by: "tags", expression: [{ key: "region", values: [] }] }, "expression"],
    [
      "a tag twice",
      {
        by: "tags",
        expression: [
          { key: "region", values: ["emea"] },
          { key: "region", values: ["apac"] },
        ],
      },
      "expression",
    ],
    ["no justification", { justification: "  " }, "justification"],
  ])("names the field of %s", (_what, part, field) => {
    expect(Object.keys(problemsOf(form(part), ACCOUNT))).toEqual([field]);
  });

  it("does not want a justification for asking the policy", () => {
    expect(problemsOfScope(form({ justification: "" }), ACCOUNT)).toEqual({});
  });
});

describe("fieldOf", () => {
  it.each([
    ["principals[0]", "principals"],
    ["rows.orders", "rows.orders"],
    ["columns.orders[1]", "columns.orders"],
    ["columns", "tables"],
    ["duration_days", "days"],
    ["domain", "consumer"],
    ["product.name", "product"],
    ["expression.region", "expression"],
    ["request_id", null],
    [null, null],
  ])("maps %s", (path, field) => {
    expect(fieldOf(path)).toBe(field);
  });
});

describe("withPrincipals", () => {
  it("takes several at once and none twice", () => {
    expect(withPrincipals([ROLE], `${ROLE}, arn:a\narn:b  `)).toEqual([ROLE, "arn:a", "arn:b"]);
  });
});
