import { beforeEach, describe, expect, it, vi } from "vitest";
import { createApi, unwrap } from "@/api/client";
import { attemptFor } from "@/api/useCommand";

const answers: Response[] = [];
const asked: Request[] = [];

beforeEach(() => {
  answers.length = 0;
  asked.length = 0;
  vi.stubGlobal("fetch", (request: Request) => {
    asked.push(request);
    const answer = answers.shift();
    return answer === undefined ? Promise.reject(new TypeError("Failed to fetch")) : Promise.resolve(answer);
  });
});

const json = (status: number, body: unknown) =>
  new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });

describe("the client", () => {
  it("sends the ID token", async () => {
    answers.push(json(200, { email: "a@b.example" }));
    const api = createApi("http://api.example", () => Promise.resolve("token"), vi.fn());
    expect(await unwrap(api.GET("/v1/me"))).toEqual({ email: "a@b.example" });
    expect(asked[0]?.headers.get("Authorization")).toBe("Bearer token");
  });

  it("renews the token once after 401, and sends the body again", async () => {
    answers.push(json(401, { message: "Unauthorized" }), json(200, { outcome: "GRANTED_AT_ONCE" }));
    const signedOut = vi.fn();
    const token = vi.fn((fresh: boolean) => Promise.resolve(fresh ? "new" : "old"));
    const api = createApi("http://api.example", token, signedOut);
    const body = { manifest: "name: x", product: null, accept_breaking_changes: false };
    await unwrap(api.POST("/v1/domains/{domain}/product-plans", { params: { path: { domain: "sales" } }, body }));
    expect(asked.map((request) => request.headers.get("Authorization"))).toEqual(["Bearer old", "Bearer new"]);
    expect(await asked[1]?.json()).toEqual(body);
    expect(signedOut).not.toHaveBeenCalled();
  });

  it("ends the session when the renewed token is refused, too", async () => {
    answers.push(json(401, { message: "Unauthorized" }), json(401, { message: "Unauthorized" }));
    const signedOut = vi.fn();
    const api = createApi("http://api.example", () => Promise.resolve("token"), signedOut);
    await expect(unwrap(api.GET("/v1/me"))).rejects.toMatchObject({ status: 401, code: "NotSignedIn" });
    expect(signedOut).toHaveBeenCalledOnce();
  });

  it("throws problems with code and field", async () => {
    answers.push(
      json(422, { title: "Invalid", status: 422, detail: "too long", code: "InvalidRequest", field: "domain" }),
    );
    const api = createApi("http://api.example", () => Promise.resolve("token"), vi.fn());
    await expect(unwrap(api.GET("/v1/domains"))).rejects.toMatchObject({ code: "InvalidRequest", field: "domain" });
  });

  it("repeats filters that have several values", async () => {
    answers.push(json(200, {}));
    const api = createApi("http://api.example", () => Promise.resolve("token"), vi.fn());
    await unwrap(api.GET("/v1/products", { params: { query: { q: "x", tag: ["a=1", "b=2"] } } }));
    expect(new URL(asked[0]?.url ?? "").searchParams.getAll("tag")).toEqual(["a=1", "b=2"]);
  });
});

describe("idempotency keys", () => {
  it("stay while the same command has no answer, and change with the input", () => {
    const first = attemptFor({ domain: "sales" }, null);
    expect(attemptFor({ domain: "sales" }, first).key).toBe(first.key);
    expect(attemptFor({ domain: "marketing" }, first).key).not.toBe(first.key);
    expect(attemptFor({ domain: "sales" }, null).key).not.toBe(first.key);
    expect(first.key).toMatch(/^[A-Za-z0-9_-]{8,64}$/);
  });
});
