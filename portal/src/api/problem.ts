/** Problem details (RFC 9457): the one shape of every refusal of the API, and of a network that does not answer. */
import type { Problem } from "./types";

export class ApiProblem extends Error {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly field: string | null;
  readonly correlationId: string | null;
  /** Seconds after which the server wants to be asked again. */
  readonly retryAfter: number | null;

  constructor(problem: Partial<Problem> & { status: number }, retryAfter: number | null = null) {
    const detail = problem.detail ?? problem.title ?? "The server gave no reason.";
    super(detail);
    this.name = "ApiProblem";
    this.status = problem.status;
    this.code = problem.code ?? codeOfStatus(problem.status);
    this.title = problem.title ?? titleOfStatus(problem.status);
    this.detail = detail;
    this.field = problem.field ?? null;
    this.correlationId = problem.correlation_id ?? null;
    this.retryAfter = retryAfter;
  }

  /** Whether the same request may succeed later: the server was not reached, was busy or failed. */
  get temporary(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** Make a problem of an answer. API Gateway's own refusals (401, 403, 429) are `{"message": …}` without a code. */
export async function problemOf(response: Response): Promise<ApiProblem> {
  const body = await readJson(response);
  const retryAfter = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  const fields: Partial<Problem> = {};
  for (const name of ["type", "title", "detail", "code", "field", "correlation_id"] as const) {
    const value = body[name];
    if (typeof value === "string") fields[name] = value;
  }
  if (fields.detail === undefined && typeof body.message === "string") fields.detail = body.message;
  return new ApiProblem({ ...fields, status: response.status }, Number.isNaN(retryAfter) ? null : retryAfter);
}

/** Make a problem of whatever was thrown. */
export function asProblem(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error;
  if (error instanceof TypeError) {
    return new ApiProblem({
      status: 0,
      code: "Unreachable",
      title: "No answer",
      detail: "The mesh cannot be reached. Check your connection; this page tries again by itself.",
    });
  }
  const detail = error instanceof Error ? error.message : String(error);
  return new ApiProblem({ status: 500, code: "UnexpectedError", title: "Something went wrong", detail });
}

async function readJson(response: Response): Promise<Record<string, unknown>> {
  try {
    const body: unknown = await response.json();
    return typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function codeOfStatus(status: number): string {
  if (status === 401) return "NotSignedIn";
  if (status === 403) return "NotAllowed";
  if (status === 404) return "NotFound";
  if (status === 429) return "TooManyRequests";
  return status >= 500 ? "ServerError" : "InvalidRequest";
}

function titleOfStatus(status: number): string {
  if (status === 401) return "You are signed out";
  if (status === 403) return "This is not yours to do";
  if (status === 404) return "Not found";
  if (status === 409) return "It has changed in the meantime";
  if (status === 429) return "Too many requests";
  return status >= 500 ? "The server failed" : "The request was refused";
}
