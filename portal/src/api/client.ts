/**
 * The API, typed from docs/openapi.json.
 *
 * `useApi()` gives the client; `unwrap(api.GET(…))` gives the data or throws an ApiProblem, which is what TanStack Query
 * wants. An answer 401 renews the tokens once and asks again; if that fails the person has to sign in again.
 */
import createClient from "openapi-fetch";
import type { paths } from "./schema";
import { problemOf } from "./problem";

export type Api = ReturnType<typeof createApi>;

/** Where the ID token comes from. `fresh` says that the one in hand was refused. */
export type TokenSource = (fresh: boolean) => Promise<string | null>;

export function createApi(baseUrl: string, token: TokenSource, signedOut: () => void) {
  return createClient<paths>({
    baseUrl: baseUrl === "" ? globalThis.location.origin : baseUrl,
    querySerializer: { array: { style: "form", explode: true } },
    fetch: async (request: Request) => {
      const again = request.clone();
      const response = await fetch(authorized(request, await token(false)));
      if (response.status !== 401) return response;
      const renewed = await token(true);
      const second = renewed === null ? response : await fetch(authorized(again, renewed));
      if (second.status === 401) signedOut();
      return second;
    },
  });
}

function authorized(request: Request, token: string | null): Request {
  if (token !== null) request.headers.set("Authorization", `Bearer ${token}`);
  return request;
}

/** Return the data of an answer. Throws ApiProblem. */
export async function unwrap<T>(answer: Promise<{ data?: T; response: Response; error?: unknown }>): Promise<T> {
  const { data, response, error } = await answer;
  if (!response.ok) {
    // openapi-fetch has read the body: it lies in `error`, as JSON or as text.
    throw await problemOf(
      new Response(typeof error === "string" ? error : JSON.stringify(error ?? {}), {
        status: response.status,
        headers: response.headers,
      }),
    );
  }
  return data as T;
}
