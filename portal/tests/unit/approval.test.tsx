import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useState } from "react";
import { createMemoryRouter, RouterProvider } from "react-router";
import { describe, expect, it, vi } from "vitest";
import { createApi } from "@/api/client";
import { ApiContext } from "@/api/context";
import type { ApprovalDetail } from "@/api/types";
import { FlashProvider } from "@/app/flash";
import { AuthContext, type Auth } from "@/auth/context";
import ApprovalLinkPage from "@/pages/approvals/ApprovalLinkPage";
import { DecisionForm } from "@/pages/approvals/DecisionForm";

const REQUEST = "00000000-0000-4000-8000-000000000021";

/** Answers by path; everything that was asked is kept. */
function server(answer: (url: URL) => [number, unknown]) {
  const asked: { url: URL; body: unknown }[] = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    const url = new URL(request.url);
    asked.push({ url, body: request.method === "POST" ? ((await request.json()) as unknown) : null });
    const [status, body] = answer(url);
    return new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });
  });
  return asked;
}

function frame(path: string, element: React.ReactElement, signOut = vi.fn(() => Promise.resolve())) {
  const router = createMemoryRouter(
    [
      { path: "/approvals/:requestId/:number", element: <h1>The approval</h1> },
      { path: "*", element },
      { path: "/approval-links/:linkId", element },
    ],
    { initialEntries: [path] },
  );
  const api = createApi("http://mesh.example", () => Promise.resolve("token"), vi.fn());
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  const auth = { state: { is: "signedIn" }, signOut } as unknown as Auth;
  const view = (
    <QueryClientProvider client={queries}>
      <AuthContext value={auth}>
        <ApiContext value={api}>
          <FlashProvider>
            <RouterProvider router={router} />
          </FlashProvider>
        </ApiContext>
      </AuthContext>
    </QueryClientProvider>
  );
  return { ...render(view), router, signOut };
}

describe("an approval link", () => {
  it("takes the signature out of the address, asks with it, and leads to the approval", async () => {
    const asked = server(() => [200, { request_id: REQUEST, number: 1 }]);
    const { router } = frame("/approval-links/abc?signature=s3cret", <ApprovalLinkPage />);
    const seen: string[] = [];
    router.subscribe(({ location }) => seen.push(location.pathname + location.search));
    await screen.findByRole("heading", { name: "The approval" });
    expect(router.state.location.pathname).toBe(`/approvals/${REQUEST}/1`);
    expect(router.state.historyAction).toBe("REPLACE");
    expect(seen.join()).not.toContain("s3cret");
    const links = asked.filter(({ url }) => url.pathname === "/v1/approval-links/abc");
    expect(links.map(({ url }) => url.searchParams.get("signature"))).toEqual(["s3cret"]);
  });

  it("of another person says who is signed in, and offers to sign in as another", async () => {
    server((url) =>
      url.pathname === "/v1/me"
        ? [200, { email: "me@sales.example", domains: [], mesh_roles: [] }]
        : [
            403,
            { code: "NotEligible", status: 403, title: "Not allowed", detail: "This link was sent to somebody else" },
          ],
    );
    const { router, signOut } = frame("/approval-links/def?signature=s3cret", <ApprovalLinkPage />);
    expect(await screen.findByText("me@sales.example")).toBeVisible();
    expect(router.state.location).toMatchObject({ pathname: "/approval-links/def", search: "" });
    await userEvent.click(screen.getByRole("button", { name: "Sign in as another person" }));
    expect(signOut).toHaveBeenCalledOnce();
  });
});

const approval: ApprovalDetail = {
  request_id: REQUEST,
  number: 0,
  name: "owners",
  domain: "marketing",
  product: { domain: "sales", name: "orders" },
  justification: "Because",
  opened_at: "2026-01-01T00:00:00Z",
  deadline: "2099-01-01T00:00:00Z",
  sensitive: true,
  status: "OPEN",
  digest: "one",
  principals: [],
  reasons: [],
  exposed: [],
  stages: [],
  may_decide: true,
};

describe("a decision", () => {
  it("to deny is not sent without a comment", async () => {
    const asked = server(() => [200, {}]);
    frame("/", <DecisionForm approval={approval} onLookAgain={vi.fn()} />);
    await userEvent.click(screen.getByRole("button", { name: "Deny" }));
    expect(screen.getByText("Say why you deny it: whoever asked is told.")).toBeVisible();
    expect(screen.getByRole("textbox", { name: "Comment" })).toHaveFocus();
    expect(asked).toEqual([]);
  });

  it("is sent with the digest of what was shown", async () => {
    const asked = server(() => [200, { request_id: REQUEST, number: 0, status: "APPROVED" }]);
    frame("/", <DecisionForm approval={approval} onLookAgain={vi.fn()} />);
    await userEvent.type(screen.getByRole("textbox", { name: "Comment" }), " Fine. ");
    await userEvent.click(screen.getByRole("button", { name: "Approve" }));
    await waitFor(() => expect(asked).toHaveLength(1));
    expect(asked[0]?.url.pathname).toBe(`/v1/approvals/${REQUEST}/0/decision`);
    expect(asked[0]?.body).toEqual({ decision: "APPROVE", comment: "Fine.", digest: "one" });
  });

  it("waits until the person has looked at what has changed meanwhile", async () => {
    const asked = server(() => [200, { request_id: REQUEST, number: 0, status: "APPROVED" }]);
    const Changing = () => {
      const [shown, setShown] = useState(approval);
      return (
        <>
          <button onClick={() => setShown({ ...approval, digest: "two" })}>poll</button>
          <DecisionForm approval={shown} onLookAgain={vi.fn()} />
        </>
      );
    };
    frame("/", <Changing />);
    await userEvent.click(screen.getByRole("button", { name: "poll" }));
    expect(screen.getByText("The request has changed since you opened this page")).toBeVisible();
    expect(screen.getByRole("button", { name: "Approve" })).toBeDisabled();
    await userEvent.click(screen.getByRole("button", { name: "Decide on what it shows now" }));
    await userEvent.click(screen.getByRole("button", { name: "Approve" }));
    await waitFor(() => expect(asked).toHaveLength(1));
    expect(asked[0]?.body).toMatchObject({ digest: "two" });
  });

  it("that came too late is explained, and the page looks again", async () => {
    server(() => [410, { code: "StageOverdue", status: 410, title: "Too late", detail: "The time to decide is over" }]);
    const lookAgain = vi.fn();
    frame("/", <DecisionForm approval={approval} onLookAgain={lookAgain} />);
    await userEvent.click(screen.getByRole("button", { name: "Approve" }));
    expect(await screen.findByRole("alert")).toHaveTextContent("The time to decide is over");
    expect(lookAgain).toHaveBeenCalledOnce();
  });
});
