/**
 * Cognito, as the portal uses it: SRP (the password never travels), the change of a temporary password, reset by mail,
 * renewal, sign-out.
 *
 * Tokens lie in sessionStorage: a reload or a link inside the tab does not sign the person out, and nothing is left when
 * the tab is closed. What could read sessionStorage is a script of our origin, which could use tokens in memory just as
 * well; against such scripts stands the content security policy.
 */
import { Amplify, fetchAuthSession, sessionStorage } from "@aws-amplify/core";
import {
  cognitoUserPoolsTokenProvider,
  confirmResetPassword,
  confirmSignIn,
  resetPassword,
  signIn,
  signOut,
} from "@aws-amplify/auth/cognito";
import type { Config } from "@/config";

/** What a person has to do next to be signed in. */
export type NextStep = "done" | "newPassword" | "resetPassword";

/** The user pool. All methods throw an Error whose `name` is Cognito's code. */
export interface Gateway {
  /** Return the ID token, renewed if it has expired or is asked to be; null: nobody is signed in. */
  idToken: (fresh: boolean) => Promise<string | null>;
  signIn: (email: string, password: string) => Promise<NextStep>;
  newPassword: (password: string) => Promise<NextStep>;
  /** Have a code sent. */
  sendCode: (email: string) => Promise<void>;
  resetPassword: (email: string, code: string, password: string) => Promise<void>;
  signOut: () => Promise<void>;
}

export function cognitoGateway(config: Config): Gateway {
  const auth = {
    Cognito: {
      userPoolId: config.user_pool_id,
      userPoolClientId: config.client_id,
      userPoolEndpoint: config.cognito_endpoint,
    },
  };
  cognitoUserPoolsTokenProvider.setAuthConfig(auth);
  cognitoUserPoolsTokenProvider.setKeyValueStorage(sessionStorage);
  Amplify.configure({ Auth: auth }, { Auth: { tokenProvider: cognitoUserPoolsTokenProvider } });
  return {
    idToken: async (fresh) => {
      const session = await fetchAuthSession({ forceRefresh: fresh });
      return session.tokens?.idToken?.toString() ?? null;
    },
    signIn: async (email, password) => {
      await signOut().catch(() => undefined); // Amplify refuses to sign in over an older session.
      const { nextStep } = await signIn({ username: email, password, options: { authFlowType: "USER_SRP_AUTH" } });
      return stepOf(nextStep.signInStep);
    },
    newPassword: async (password) => {
      const { nextStep } = await confirmSignIn({ challengeResponse: password });
      return stepOf(nextStep.signInStep);
    },
    sendCode: async (email) => {
      await resetPassword({ username: email });
    },
    resetPassword: async (email, code, password) => {
      await confirmResetPassword({ username: email, confirmationCode: code, newPassword: password });
    },
    signOut: async () => {
      await signOut();
    },
  };
}

function stepOf(step: string): NextStep {
  if (step === "DONE") return "done";
  if (step === "CONFIRM_SIGN_IN_WITH_NEW_PASSWORD_REQUIRED") return "newPassword";
  if (step === "RESET_PASSWORD") return "resetPassword";
  throw new Error(`The user pool asks for a step that the portal does not know: ${step}`);
}
