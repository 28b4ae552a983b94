/**
 * A middleware that answers `/v1/*`, `/config.json` and the user pool out of made-up data (`npm run mock`).
 *
 * Any password will do, but `wrong`; who signs in is who the address says. `newcomer@marketing.example` has to choose a
 * new password. The user pool proves nothing: sign-in with real SRP is tested against the sandbox.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Connect, Plugin } from "vite";
import { Refusal, ROUTES } from "./answers.ts";
import { PEOPLE } from "./data.ts";

export function mockMesh(): Plugin {
  const serve = (middlewares: Connect.Server) => {
    middlewares.use((request, response, next) => {
      const url = new URL(request.url ?? "/", `http://${request.headers.host ?? "localhost"}`);
      if (url.pathname === "/config.json") {
        answer(response, 200, {
          api_url: "",
          cognito_endpoint: `${url.origin}/mock-cognito`,
          region: "eu-west-1",
          user_pool_id: "eu-west-1_mock",
          client_id: "mock",
          prefix: "datamesh",
        });
      } else if (url.pathname === "/mock-cognito") {
        void cognito(request, response);
      } else if (url.pathname.startsWith("/v1/")) {
        void api(request, response, url);
      } else {
        next();
      }
    });
  };
  return {
    name: "mock-mesh",
    configureServer: ({ middlewares }) => serve(middlewares),
    configurePreviewServer: ({ middlewares }) => serve(middlewares),
  };
}

async function api(request: IncomingMessage, response: ServerResponse, url: URL) {
  const email = subjectOf(request.headers.authorization);
  if (email === null) {
    answer(response, 401, { message: "Unauthorized" });
    return;
  }
  for (const [method, pattern, status, make] of ROUTES) {
    const match = request.method === method ? pattern.exec(url.pathname) : null;
    if (match === null) continue;
    const text = await read(request);
    try {
      const path = match.slice(1).map(decodeURIComponent);
      const result = make({ email, query: url.searchParams, body: text === "" ? null : JSON.parse(text), path });
      if (result !== null) {
        answer(response, status, result);
        return;
      }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      problem(response, error);
      return;
    }
    break;
  }
  problem(response, new Refusal(404, "NotFound", `${url.pathname} is not here, or not for you to see`));
}

async function cognito(request: IncomingMessage, response: ServerResponse) {
  const target = String(request.headers["x-amz-target"]).split(".")[1];
  const body = JSON.parse((await read(request)) || "{}") as Record<string, unknown>;
  if (target === "InitiateAuth") {
    const parameters = body.AuthParameters as Record<string, string>;
    if (body.AuthFlow === "REFRESH_TOKEN_AUTH" || parameters.REFRESH_TOKEN !== undefined) {
      answer(response, 200, { AuthenticationResult: tokens(parameters.REFRESH_TOKEN ?? "") });
      return;
    }
    const email = parameters.USERNAME ?? "";
    if (PEOPLE[email] === undefined) {
      answer(response, 400, { __type: "NotAuthorizedException", message: "Incorrect username or password." });
      return;
    }
    const challenge = {
      SALT: "1f",
      SECRET_BLOCK: btoa("secret"),
      SRP_B: "abcdef1234567890",
      USERNAME: email,
      USER_ID_FOR_SRP: email,
    };
    answer(response, 200, { ChallengeName: "PASSWORD_VERIFIER", ChallengeParameters: challenge, Session: "session" });
  } else if (target === "RespondToAuthChallenge") {
    const email = (body.ChallengeResponses as Record<string, string>).USERNAME ?? "";
    if (body.ChallengeName === "PASSWORD_VERIFIER" && email.startsWith("newcomer@")) {
      answer(response, 200, {
        ChallengeName: "NEW_PASSWORD_REQUIRED",
        ChallengeParameters: { userAttributes: "{}", requiredAttributes: "[]" },
        Session: "session",
      });
      return;
    }
    answer(response, 200, { AuthenticationResult: tokens(email), ChallengeParameters: {} });
  } else if (target === "GetTokensFromRefreshToken") {
    answer(response, 200, { AuthenticationResult: tokens(String(body.RefreshToken)) });
  } else if (target === "ForgotPassword") {
    answer(response, 200, { CodeDeliveryDetails: { DeliveryMedium: "EMAIL", Destination: "o***@s***" } });
  } else {
    answer(response, 200, {});
  }
}

function tokens(email: string) {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const jwt = (token_use: string) =>
    `${encode({ alg: "none" })}.${encode({ sub: email, email, username: email, "cognito:username": email, token_use, iat: now, exp: now + 3600 })}.c2ln`;
  return { AccessToken: jwt("access"), IdToken: jwt("id"), RefreshToken: email, ExpiresIn: 3600, TokenType: "Bearer" };
}

function subjectOf(authorization: string | undefined): string | null {
  const payload = authorization?.split(".")[1];
  if (payload === undefined) return null;
  return (JSON.parse(Buffer.from(payload, "base64url").toString()) as { email: string }).email;
}

function problem(response: ServerResponse, { status, code, field, message }: Refusal) {
  answer(response, status, {
    type: `urn:datamesh:${code}`,
    title: code,
    status,
    detail: message,
    code,
    field,
    correlation_id: null,
  });
}

function answer(response: ServerResponse, status: number, body: unknown) {
  response.statusCode = status;
  response.setHeader("Content-Type", status >= 400 ? "application/problem+json" : "application/json");
  response.end(JSON.stringify(body));
}

async function read(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}
