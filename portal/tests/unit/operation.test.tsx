import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render, screen, waitFor } from "@testing-library/react";
import { MemoryRouter } from "react-router";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { createApi } from "@/api/client";
import { ApiContext } from "@/api/context";
import { LONG, outcomeOf, SETTLING } from "@/api/operations";
import { ApiProblem } from "@/api/problem";
import type { Operation } from "@/api/types";
import { OperationTracker, tracked } from "@/components/OperationTracker";

const ID = "00000000-0000-4000-8000-000000000001";
const operation = (part: Partial<Operation>): Operation => ({
  correlation_id: ID,
  status: "PENDING",
  events: [],
  executions: [],
  ...part,
});

describe("outcomeOf", () => {
  it("takes a 404 for not yet, until it should be known", () => {
    const missing = new ApiProblem({ status: 404 });
    expect(outcomeOf(undefined, missing, 1_000).is).toBe("pending");
    expect(outcomeOf(undefined, missing, SETTLING + 1).is).toBe("unknown");
  });

  it("goes on through failures of the server, but not through a refusal", () => {
    expect(outcomeOf(undefined, new ApiProblem({ status: 503 }), SETTLING * 3).is).toBe("pending");
    expect(outcomeOf(undefined, new ApiProblem({ status: 403 }), 10).is).toBe("unknown");
  });

  it("says when it takes long", () => {
    expect(outcomeOf(operation({}), null, LONG + 1)).toEqual({ is: "pending", slow: true });
  });

  it("keeps code, reason and field of a rejection", () => {
    const rejected = operation({
      status: "REJECTED",
      error: "InvalidLocation",
      message: "not yours",
      field: "product.tables[0].location",
    });
    expect(outcomeOf(rejected, null, 0)).toEqual({
      is: "rejected",
      code: "InvalidLocation",
      message: "not yours",
      field: "product.tables[0].location",
    });
  });

  it("prefers what is known to a later failure to ask", () => {
    expect(outcomeOf(operation({ status: "SUCCEEDED" }), new ApiProblem({ status: 503 }), 0).is).toBe("succeeded");
  });
});

describe("OperationTracker", () => {
  const answers: [number, unknown][] = [];
  beforeEach(() => {
    answers.length = 0;
    vi.stubGlobal("fetch", () => {
      const [status, body] = (answers.length > 1 ? answers.shift() : answers[0]) ?? [404, {}];
      return Promise.resolve(new Response(JSON.stringify(body), { status }));
    });
  });

  function show(onEnd: () => void) {
    const api = createApi("http://api.example", () => Promise.resolve("token"), vi.fn());
    render(
      <MemoryRouter>
        <QueryClientProvider client={new QueryClient()}>
          <ApiContext value={api}>
            <OperationTracker
              operation={tracked({ correlation_id: ID, command: "RegisterDataDomain" })}
              title="Registering sales"
              success="Welcome"
              onEnd={onEnd}
            />
          </ApiContext>
        </QueryClientProvider>
      </MemoryRouter>,
    );
  }

  it("waits until the command is known, and then for its end", async () => {
    const onEnd = vi.fn();
    answers.push([404, {}], [200, operation({})], [200, operation({ status: "SUCCEEDED" })]);
    show(onEnd);
    expect(screen.getByTestId("operation")).toHaveAttribute("data-outcome", "pending");
    await waitFor(() => expect(screen.getByTestId("operation")).toHaveAttribute("data-outcome", "succeeded"), {
      timeout: 8_000,
    });
    expect(screen.getByText("Welcome")).toBeVisible();
    expect(onEnd).toHaveBeenCalledOnce();
  }, 12_000);

  it("shows a rejection with its field", async () => {
    const onEnd = vi.fn();
    answers.push([
      200,
      operation({
        status: "REJECTED",
        error: "SenderMismatch",
        message: "the account is another",
        field: "config_secret_arn",
      }),
    ]);
    show(onEnd);
    expect(await screen.findByText(/the account is another/)).toBeVisible();
    expect(screen.getByText("config_secret_arn")).toBeVisible();
    expect(onEnd).toHaveBeenCalledWith(expect.objectContaining({ is: "rejected", code: "SenderMismatch" }));
  });

  it("shows a workflow that failed", async () => {
    answers.push([200, operation({ status: "FAILED", error: "States.Timeout", message: "a step did not end" })]);
    show(vi.fn());
    expect(await screen.findByText(/a step did not end/)).toBeVisible();
  });
});
