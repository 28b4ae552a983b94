import { describe, expect, it } from "vitest";
import { checkConfig } from "@/config";
import { activeHref, navigationOf } from "@/app/navigation";
import type { ProductDetail } from "@/api/types";
import { accountOf, problemsOf as domainProblems } from "@/pages/domains/model";
import { emptyForm, formOf, problemsOf, specOf } from "@/pages/products/form";
import { markedParts, queryOf, searchOf, toggled, wordsOf } from "@/pages/search/model";

const BASE = "s3://sales-lake/products/";
const SECRET = "arn:aws:secretsmanager:eu-west-1:222222222222:secret:datamesh-domain-config-Ab12Cd";

describe("a domain's registration", () => {
  it("takes a full ARN and reads the account out of it", () => {
    expect(domainProblems({ domain: "sales", secretArn: ` ${SECRET} `, tags: [] })).toEqual({});
    expect(accountOf(SECRET)).toBe("222222222222");
  });

  it.each([
    ["Sales", SECRET, "domain"],
    ["sales_nrac", SECRET, "domain"],
    ["sales", SECRET.replace("-Ab12Cd", "uration"), "secretArn"],
    ["sales", "arn:aws:s3:::bucket", "secretArn"],
  ])("names the field: %s %s", (domain, secretArn, field) => {
    expect(Object.keys(domainProblems({ domain, secretArn, tags: [] }))).toEqual([field]);
  });

  it("wants tags in lower case, none twice", () => {
    const tags = [
      { key: "region", value: "emea" },
      { key: "region", value: "apac" },
    ];
    expect(domainProblems({ domain: "sales", secretArn: SECRET, tags }).tags).toContain("twice");
    expect(
      domainProblems({ domain: "sales", secretArn: SECRET, tags: [{ key: "Region", value: "x" }] }).tags,
    ).toBeDefined();
  });
});

describe("the form of a product", () => {
  const detail: ProductDetail = {
    domain: "sales",
    name: "orders",
    description: "Orders",
    status: "REGISTERED",
    classification: "internal",
    pii: true,
    access_mode: "both",
    table_count: 1,
    account_id: "222222222222",
    tags: { region: "emea" },
    sensitive: true,
    may_edit: true,
    owners: [],
    stewards: [],
    readable_by: [],
    queries: [],
    tables: [
      {
        name: "orders",
        format: "parquet",
        location: `${BASE}orders/`,
        column_count: 2,
        truncated: false,
        sensitive: true,
        linked: true,
        reasons: [],
        tags: { region: "emea", domain: "sales", tier: "gold" },
        columns: [
          {
            name: "id",
            type: "string",
            pii: false,
            partition_key: false,
            tags: { region: "emea", tier: "gold", secret: "yes" },
          },
          { name: "day", type: "date", pii: null, partition_key: true },
        ],
        samples: [{ values: { id: "a" } }, { values: { id: "b", day: "x" } }],
      },
    ],
  };

  it("makes again what is registered, without what is inherited", () => {
    const [table] = specOf(formOf(detail)).tables;
    expect(table).toMatchObject({
      tags: { tier: "gold" },
      columns: [{ name: "id", type: "string", pii: false, tags: { secret: "yes" }, examples: ["a", "b"] }],
      partition_keys: [{ name: "day", type: "date", pii: null }],
    });
    expect(problemsOf(formOf(detail), BASE)).toEqual({});
  });

  it("has no tags when it is shared by name", () => {
    const spec = specOf({ ...formOf(detail), accessMode: "nrac" });
    expect(spec.tags).toEqual({});
    expect(spec.tables[0]?.tags).toEqual({});
    expect(spec.tables[0]?.columns?.[0]?.tags).toEqual({});
  });

  it("names every field that is wrong", () => {
    const form = emptyForm(BASE);
    form.tables[0]?.columns.push({
      name: "A",
      type: "",
      pii: "no",
      comment: "",
      partitionKey: true,
      tags: {},
      examples: [],
    });
    expect(Object.keys(problemsOf(form, BASE)).sort()).toEqual([
      "description",
      "name",
      "tables[0].columns[0].name",
      "tables[0].columns[0].type",
      "tables[0].location",
      "tables[0].name",
    ]);
  });

  it("keeps locations below the domain's prefix", () => {
    const form = emptyForm(BASE);
    const [table] = form.tables;
    if (table !== undefined) table.location = "s3://other/products/orders/";
    expect(problemsOf(form, BASE)["tables[0].location"]).toContain(BASE);
  });
});

describe("a search", () => {
  it("lives in the address", () => {
    const search = searchOf(new URLSearchParams("q= orders &domain=sales&domain=sales&tag=region%3Demea"));
    expect(search).toMatchObject({ text: "orders", filters: { domain: ["sales"], tag: ["region=emea"], owner: [] } });
    expect(queryOf(toggled(toggled(search, "domain", "sales"), "format", "csv")).toString()).toBe(
      "q=orders&tag=region%3Demea&format=csv",
    );
  });

  it("marks words wherever they are, and takes them literally", () => {
    const parts = markedParts("orders.customer_email", wordsOf("email ORDERS"));
    expect(parts.filter(({ marked }) => marked).map(({ text }) => text)).toEqual(["orders", "email"]);
    expect(parts.map(({ text }) => text).join("")).toBe("orders.customer_email");
    expect(markedParts("a+b", wordsOf("(.*)"))).toEqual([{ text: "a+b", marked: false }]);
  });
});

describe("the configuration", () => {
  const config = {
    api_url: "",
    cognito_endpoint: "https://cognito-idp.eu-west-1.amazonaws.com",
    region: "eu-west-1",
    user_pool_id: "eu-west-1_abc",
    client_id: "abc",
    prefix: "datamesh",
  };
  it("may leave the API's address empty, nothing else", () => {
    expect(checkConfig(config)).toEqual(config);
    expect(() => checkConfig({ ...config, client_id: "" })).toThrow("client_id");
    expect(() => checkConfig({ ...config, region: 1 })).toThrow("region");
  });
});

describe("the navigation", () => {
  it("marks the entry that a page belongs to", () => {
    expect(activeHref("/domains/sales/products/orders")).toBe("/domains");
    expect(activeHref("/request-access", "?by=tags")).toBe("/request-access?by=tags");
    expect(activeHref("/request-access", "?product=sales.orders")).toBe("");
    expect(activeHref("/")).toBe("/");
  });

  it("shows requests to members of a domain only", () => {
    const texts = (me: Parameters<typeof navigationOf>[0]) => JSON.stringify(navigationOf(me));
    expect(texts({ email: "a@b.example", domains: [], mesh_roles: [] })).not.toContain("Request by LF-tag");
    expect(
      texts({ email: "a@b.example", domains: [{ domain: "sales", roles: ["member"] }], mesh_roles: [] }),
    ).toContain("Request by LF-tag");
  });
});
