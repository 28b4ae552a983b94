import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useReducer, useState, type ReactNode } from "react";
import { createApi } from "@/api/client";
import { ApiContext } from "@/api/context";
import { AuthContext, type Auth } from "./context";
import type { Gateway, NextStep } from "./gateway";
import { messageOf, next, STARTING, type AuthEvent } from "./machine";

/** Keeps who is signed in, and gives all below an API client that speaks for this person. */
export function AuthProvider({ gateway, apiUrl, children }: { gateway: Gateway; apiUrl: string; children: ReactNode }) {
  const [state, send] = useReducer(next, STARTING);
  const queries = useQueryClient();

  const signOut = useCallback(
    async (notice?: string) => {
      await gateway.signOut().catch(() => undefined);
      queries.clear(); // What one person was shown is not the next one's to see.
      send(notice === undefined ? { type: "signedOut" } : { type: "signedOut", notice });
    },
    [gateway, queries],
  );

  useEffect(() => {
    let current = true;
    gateway.idToken(false).then(
      (token) => {
        if (current) send({ type: token === null ? "signedOut" : "signedIn" });
      },
      () => {
        if (current) send({ type: "signedOut" });
      },
    );
    return () => {
      current = false;
    };
  }, [gateway]);

  const [api] = useState(() =>
    createApi(
      apiUrl,
      (fresh) => gateway.idToken(fresh).catch(() => null),
      () => void signOut("Your session has ended. Sign in again to go on where you were."),
    ),
  );

  const auth = useMemo<Auth>(() => {
    const attempt = async (work: () => Promise<AuthEvent>, email?: string) => {
      send(email === undefined ? { type: "sent" } : { type: "sent", email });
      try {
        send(await work());
      } catch (error) {
        send({ type: "failed", error: messageOf(error) });
      }
    };
    return {
      state,
      signIn: (email, password) =>
        attempt(async () => eventOf(await gateway.signIn(email.trim().toLowerCase(), password)), email),
      newPassword: (password) => attempt(async () => eventOf(await gateway.newPassword(password))),
      forgot: (email) => send({ type: "forgot", email }),
      sendCode: (email) =>
        attempt(async () => {
          await gateway.sendCode(email.trim().toLowerCase());
          return { type: "codeSent", notice: "If the address is known, a code is on its way to it." };
        }, email),
      resetPassword: (code, password) =>
        attempt(async () => {
          if (state.is !== "reset") throw new Error("No code was sent.");
          await gateway.resetPassword(state.email.trim().toLowerCase(), code.trim(), password);
          return { type: "passwordReset" };
        }),
      signOut,
    };
  }, [state, gateway, signOut]);

  return (
    <AuthContext value={auth}>
      <ApiContext value={api}>{children}</ApiContext>
    </AuthContext>
  );
}

function eventOf(step: NextStep): AuthEvent {
  if (step === "done") return { type: "signedIn" };
  if (step === "newPassword") return { type: "passwordRequired" };
  return { type: "codeSent", notice: "Your password has to be reset. A code was sent to your address." };
}
