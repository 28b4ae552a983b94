/** The states of a sign-in, as a pure function: what is shown, and what an answer of the user pool makes of it. */

export type AuthState =
  | { is: "starting" }
  | { is: "signedOut"; email: string; notice: string | null; error: string | null; busy: boolean }
  | { is: "newPassword"; email: string; error: string | null; busy: boolean }
  | { is: "forgot"; email: string; error: string | null; busy: boolean }
  | { is: "reset"; email: string; notice: string | null; error: string | null; busy: boolean }
  | { is: "signedIn" };

export type AuthEvent =
  | { type: "sent"; email?: string }
  | { type: "failed"; error: string }
  | { type: "signedIn" }
  | { type: "passwordRequired" }
  | { type: "forgot"; email: string }
  | { type: "codeSent"; notice: string | null }
  | { type: "passwordReset" }
  | { type: "signedOut"; notice?: string };

export const STARTING: AuthState = { is: "starting" };

function signedOut(email = "", notice: string | null = null): AuthState {
  return { is: "signedOut", email, notice, error: null, busy: false };
}

export function next(state: AuthState, event: AuthEvent): AuthState {
  switch (event.type) {
    case "sent":
      if (state.is === "starting" || state.is === "signedIn") return state;
      return { ...state, email: event.email ?? state.email, error: null, busy: true };
    case "failed":
      if (state.is === "starting" || state.is === "signedIn") return state;
      return { ...state, error: event.error, busy: false };
    case "signedIn":
      return { is: "signedIn" };
    case "passwordRequired":
      return { is: "newPassword", email: emailOf(state), error: null, busy: false };
    case "forgot":
      return { is: "forgot", email: event.email, error: null, busy: false };
    case "codeSent":
      return { is: "reset", email: emailOf(state), notice: event.notice, error: null, busy: false };
    case "passwordReset":
      return signedOut(emailOf(state), "Your password is changed. Sign in with the new one.");
    case "signedOut":
      return signedOut(emailOf(state), event.notice ?? null);
  }
}

function emailOf(state: AuthState): string {
  return state.is === "starting" || state.is === "signedIn" ? "" : state.email;
}

const MESSAGES: Record<string, string> = {
  NotAuthorizedException: "The address or the password is not right.",
  // The pool may say so; who does not know the address should not learn it here.
  UserNotFoundException: "The address or the password is not right.",
  UserLambdaValidationException: "Signing in was refused.",
  PasswordResetRequiredException: "Your password has to be reset. Choose “Forgot password”.",
  CodeMismatchException: "That is not the code that was sent.",
  ExpiredCodeException: "The code is no longer valid. Have a new one sent.",
  LimitExceededException: "Too many attempts. Wait a few minutes.",
  TooManyRequestsException: "Too many attempts. Wait a few minutes.",
  TooManyFailedAttemptsException: "Too many attempts. Wait a few minutes.",
  NetworkError: "The sign-in service cannot be reached.",
};

/** Say what went wrong. A refused password carries Cognito's own words, which name the rule. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return "Something went wrong.";
  if (error.name === "NotAuthorizedException" && /expired/i.test(error.message)) {
    return "Your temporary password has expired. Ask an administrator of the mesh for a new one.";
  }
  if (error.name === "NotAuthorizedException" && /attempts exceeded|disabled/i.test(error.message))
    return error.message;
  return MESSAGES[error.name] ?? error.message;
}
