import { describe, expect, it } from "vitest";
import { asProblem, problemOf } from "@/api/problem";

describe("problemOf", () => {
  it("keeps code, detail and field of problem details", async () => {
    const body = {
      type: "urn:datamesh:InvalidRequest",
      title: "Invalid",
      status: 422,
      detail: "must be lower case",
      code: "InvalidRequest",
      field: "product.name",
    };
    const problem = await problemOf(new Response(JSON.stringify(body), { status: 422 }));
    expect(problem).toMatchObject({
      status: 422,
      code: "InvalidRequest",
      detail: "must be lower case",
      field: "product.name",
      temporary: false,
    });
  });

  it("understands API Gateway's own refusals", async () => {
    const problem = await problemOf(new Response('{"message":"Unauthorized"}', { status: 401 }));
    expect(problem).toMatchObject({ status: 401, code: "NotSignedIn", detail: "Unauthorized", field: null });
  });

  it("says something of an answer that is no JSON", async () => {
    const problem = await problemOf(new Response("<html>", { status: 503, headers: { "Retry-After": "7" } }));
    expect(problem).toMatchObject({ status: 503, code: "ServerError", temporary: true, retryAfter: 7 });
  });
});

describe("asProblem", () => {
  it("calls a network that does not answer temporary", () => {
    expect(asProblem(new TypeError("Failed to fetch"))).toMatchObject({
      status: 0,
      code: "Unreachable",
      temporary: true,
    });
  });
});
