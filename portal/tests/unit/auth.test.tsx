import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it, vi } from "vitest";
import { AuthProvider } from "@/auth/AuthProvider";
import { useAuth } from "@/auth/context";
import type { Gateway } from "@/auth/gateway";
import { messageOf, next, STARTING, type AuthState } from "@/auth/machine";
import SignInPage from "@/auth/SignInPage";

function named(name: string, message = "") {
  return Object.assign(new Error(message), { name });
}

function gatewayOf(parts: Partial<Gateway> = {}): Gateway {
  return {
    idToken: vi.fn().mockResolvedValue(null),
    signIn: vi.fn().mockResolvedValue("done"),
    newPassword: vi.fn().mockResolvedValue("done"),
    sendCode: vi.fn().mockResolvedValue(undefined),
    resetPassword: vi.fn().mockResolvedValue(undefined),
    signOut: vi.fn().mockResolvedValue(undefined),
    ...parts,
  };
}

function Inside() {
  const { state } = useAuth();
  return state.is === "signedIn" ? <p>inside</p> : state.is === "starting" ? <p>starting</p> : <SignInPage />;
}

function show(gateway: Gateway, queries = new QueryClient()) {
  return render(
    <QueryClientProvider client={queries}>
      <AuthProvider gateway={gateway} apiUrl="http://localhost">
        <Inside />
      </AuthProvider>
    </QueryClientProvider>,
  );
}

async function fillSignIn(email = " Owner@Sales.example ", password = "Secret-1") {
  const user = userEvent.setup({ delay: null });
  await user.type(await screen.findByLabelText("Email address"), email);
  await user.type(screen.getByLabelText("Password"), password);
  await user.click(screen.getByRole("button", { name: "Sign in" }));
  return user;
}

describe("the states of a sign-in", () => {
  const signedOut: AuthState = { is: "signedOut", email: "a@b.example", notice: null, error: null, busy: false };

  it("keeps the address through a failure, and is no longer busy", () => {
    const sent = next(signedOut, { type: "sent", email: "c@d.example" });
    expect(sent).toMatchObject({ email: "c@d.example", busy: true, error: null });
    expect(next(sent, { type: "failed", error: "no" })).toMatchObject({
      email: "c@d.example",
      busy: false,
      error: "no",
    });
  });

  it("asks for a new password and knows for whom", () => {
    expect(next(signedOut, { type: "passwordRequired" })).toMatchObject({ is: "newPassword", email: "a@b.example" });
  });

  it("returns to the sign-in with a notice after a reset", () => {
    const reset = next(next(signedOut, { type: "forgot", email: "a@b.example" }), { type: "codeSent", notice: null });
    expect(next(reset, { type: "passwordReset" })).toMatchObject({ is: "signedOut", email: "a@b.example" });
  });

  it("forgets nothing late: a failure after signing in changes nothing", () => {
    const inside = next(signedOut, { type: "signedIn" });
    expect(next(inside, { type: "failed", error: "late" })).toEqual({ is: "signedIn" });
    expect(next(STARTING, { type: "sent" })).toBe(STARTING);
  });

  it("does not tell whether an address is known", () => {
    expect(messageOf(named("UserNotFoundException", "User does not exist."))).toBe(
      messageOf(named("NotAuthorizedException", "Incorrect username or password.")),
    );
  });

  it("says that a temporary password has expired", () => {
    const error = named(
      "NotAuthorizedException",
      "Temporary password has expired and must be reset by an administrator.",
    );
    expect(messageOf(error)).toMatch(/temporary password has expired/);
  });
});

describe("signing in", () => {
  it("goes straight in with tokens from before a reload", async () => {
    show(gatewayOf({ idToken: vi.fn().mockResolvedValue("token") }));
    expect(await screen.findByText("inside")).toBeVisible();
  });

  it("signs in with the address in lower case", async () => {
    const gateway = gatewayOf();
    show(gateway);
    await fillSignIn();
    expect(await screen.findByText("inside")).toBeVisible();
    expect(gateway.signIn).toHaveBeenCalledWith("owner@sales.example", "Secret-1");
  });

  it("sends nothing while a field is empty", async () => {
    const gateway = gatewayOf();
    show(gateway);
    await userEvent.click(await screen.findByRole("button", { name: "Sign in" }));
    expect(screen.getByText("Enter your email address.")).toBeVisible();
    expect(screen.getByText("Enter your password.")).toBeVisible();
    expect(gateway.signIn).not.toHaveBeenCalled();
  });

  it("shows a refusal and stays", async () => {
    show(
      gatewayOf({
        signIn: vi.fn().mockRejectedValue(named("NotAuthorizedException", "Incorrect username or password.")),
      }),
    );
    await fillSignIn();
    expect(await screen.findByRole("alert")).toHaveTextContent("The address or the password is not right.");
  });

  it("has a temporary password changed, both fields alike", async () => {
    const gateway = gatewayOf({ signIn: vi.fn().mockResolvedValue("newPassword") });
    show(gateway);
    const user = await fillSignIn();
    await user.type(await screen.findByLabelText("New password"), "Longer-secret-1");
    await user.type(screen.getByLabelText("New password, once more"), "Longer-secret-2");
    await user.click(screen.getByRole("button", { name: /Set password/ }));
    expect(screen.getByText("The two passwords differ.")).toBeVisible();
    expect(gateway.newPassword).not.toHaveBeenCalled();
    await user.type(screen.getByLabelText("New password, once more"), "{Backspace}1");
    await user.click(screen.getByRole("button", { name: /Set password/ }));
    expect(await screen.findByText("inside")).toBeVisible();
    expect(gateway.newPassword).toHaveBeenCalledWith("Longer-secret-1");
  });

  it("resets a forgotten password by code", async () => {
    const gateway = gatewayOf();
    show(gateway);
    const user = userEvent.setup({ delay: null });
    await user.type(await screen.findByLabelText("Email address"), "owner@sales.example");
    await user.click(screen.getByRole("button", { name: "Forgot password" }));
    await user.click(await screen.findByRole("button", { name: "Send code" }));
    await user.type(await screen.findByLabelText("Code"), "123456");
    await user.type(screen.getByLabelText("New password"), "Longer-secret-1");
    await user.type(screen.getByLabelText("New password, once more"), "Longer-secret-1");
    await user.click(screen.getByRole("button", { name: "Change password" }));
    expect(await screen.findByText(/Your password is changed/)).toBeVisible();
    expect(gateway.resetPassword).toHaveBeenCalledWith("owner@sales.example", "123456", "Longer-secret-1");
  });

  it("drops what was read for one person when it signs out", async () => {
    const queries = new QueryClient();
    queries.setQueryData(["me"], { email: "owner@sales.example" });
    function SignOut() {
      const { signOut } = useAuth();
      return <button onClick={() => void signOut()}>out</button>;
    }
    render(
      <QueryClientProvider client={queries}>
        <AuthProvider gateway={gatewayOf({ idToken: vi.fn().mockResolvedValue("token") })} apiUrl="http://localhost">
          <SignOut />
          <Inside />
        </AuthProvider>
      </QueryClientProvider>,
    );
    await screen.findByText("inside");
    await userEvent.click(screen.getByRole("button", { name: "out" }));
    await waitFor(() => expect(queries.getQueryData(["me"])).toBeUndefined());
    expect(await screen.findByLabelText("Email address")).toBeVisible();
  });
});
