/** What a page shows instead of its content: while it loads, when there is nothing, when it failed. */
import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Spinner from "@cloudscape-design/components/spinner";
import { useState, type ReactNode } from "react";
import { asProblem } from "@/api/problem";

/** Nothing is there. Says what would be, and how to get it. */
export function Empty({ title, children, action }: { title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <Box textAlign="center" color="inherit" padding={{ vertical: "l" }}>
      <SpaceBetween size="xs">
        <Box variant="strong" color="inherit">
          {title}
        </Box>
        {children !== undefined && (
          <Box variant="p" color="text-body-secondary">
            {children}
          </Box>
        )}
        {action}
      </SpaceBetween>
    </Box>
  );
}

export function Loading({ label = "Loading" }: { label?: string }) {
  return (
    <Box textAlign="center" padding="xxl">
      <div role="status">
        <Spinner /> {label}
      </div>
    </Box>
  );
}

/** After a form was sent with something wrong: lead to the first field that is. */
export function focusProblem(form: HTMLFormElement) {
  requestAnimationFrame(() => form.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
}

/** A problem of the API in the place where its answer would be: what, why, which field, and a way on. */
export function ProblemAlert({ error, header, onRetry }: { error: unknown; header?: string; onRetry?: () => void }) {
  const { title, detail, code, field, correlationId, temporary } = asProblem(error);
  return (
    <Alert
      type={temporary ? "warning" : "error"}
      header={header ?? title}
      action={onRetry !== undefined ? <Button onClick={onRetry}>Try again</Button> : undefined}
    >
      <div role="alert">{detail}</div>
      <Box variant="small" display="block">
        {code}
        {field !== null && (
          <>
            {" "}
            · field{" "}
            <Box variant="code" display="inline">
              {field}
            </Box>
          </>
        )}
        {correlationId !== null && <> · {correlationId}</>}
      </Box>
    </Alert>
  );
}

interface QueryLike<T> {
  data: T | undefined;
  error: unknown;
  refetch: () => unknown;
}

/**
 * The three states of a query. Data that is there stays when a later refresh fails; the failure is told above it.
 * `missing` replaces the words of a 404.
 */
export function Loaded<T>({
  query,
  missing,
  loading,
  children,
}: {
  query: QueryLike<T>;
  missing?: ReactNode;
  loading?: string;
  children: (data: T) => ReactNode;
}) {
  const { data } = query;
  // A query without data is pending again while it is asked again: what was said of it stays until there is an answer.
  const [said, setSaid] = useState<unknown>(query.error);
  if (query.error !== null && query.error !== said) setSaid(query.error);
  if (data !== undefined && query.error === null && said !== null) setSaid(null);
  const error = data === undefined ? (query.error ?? said) : query.error;
  const retry = () => void query.refetch();
  if (data === undefined) {
    if (error === null) return loading === undefined ? <Loading /> : <Loading label={loading} />;
    if (missing !== undefined && asProblem(error).status === 404) return <>{missing}</>;
    return <ProblemAlert error={error} onRetry={retry} />;
  }
  if (error === null) return <>{children(data)}</>;
  return (
    <SpaceBetween size="m">
      <ProblemAlert error={error} header="This may be out of date" onRetry={retry} />
      {children(data)}
    </SpaceBetween>
  );
}
