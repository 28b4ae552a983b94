/**
 * Where the approval link of a mail lands: `/approval-links/<link id>?signature=…`.
 *
 * The signature is taken out of the address before anything else, so that it is in no history, bookmark or screenshot.
 * It is kept in memory for as long as the page lives: whoever has to sign in as another person first still has it.
 */
import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { useLocation, useNavigate, useParams } from "react-router";
import { unwrap } from "@/api/client";
import { useApi } from "@/api/context";
import { useMe } from "@/api/me";
import { asProblem } from "@/api/problem";
import { Page } from "@/app/page";
import { paths } from "@/app/paths";
import { useAuth } from "@/auth/context";
import { RouterButton } from "@/components/RouterLink";
import { Loading, ProblemAlert } from "@/components/states";
import { linkRefusal } from "./model";

const signatures = new Map<string, string>();

/** Keep the signature of an address in memory. Answers whether there was one to be taken out. */
export function keepSignature(linkId: string, search: string): boolean {
  const signature = new URLSearchParams(search).get("signature");
  if (signature !== null && signature !== "") signatures.set(linkId, signature);
  return signature !== null;
}

export default function ApprovalLinkPage() {
  const { linkId = "" } = useParams();
  const { pathname, search } = useLocation();
  const navigate = useNavigate();
  const inAddress = keepSignature(linkId, search);
  useEffect(() => {
    if (inAddress) void navigate(pathname, { replace: true });
  }, [inAddress, navigate, pathname]);
  return (
    <Page title="Approval link" breadcrumbs={[{ text: "Approvals", href: paths.approvals }]}>
      {inAddress ? <Loading label="Opening the approval" /> : <Landing linkId={linkId} />}
    </Page>
  );
}

function Landing({ linkId }: { linkId: string }) {
  const api = useApi();
  const navigate = useNavigate();
  const { data, error, refetch } = useQuery({
    queryKey: ["approval-link", linkId],
    queryFn: () => {
      const signature = signatures.get(linkId);
      return unwrap(
        api.GET("/v1/approval-links/{link_id}", {
          params: { path: { link_id: linkId }, query: signature === undefined ? {} : { signature } },
        }),
      );
    },
    staleTime: 0,
    gcTime: 0,
  });
  useEffect(() => {
    if (data === undefined) return;
    signatures.delete(linkId);
    void navigate(paths.approval(data.request_id, data.number), { replace: true });
  }, [data, linkId, navigate]);
  if (error === null) return <Loading label="Opening the approval" />;
  return <Refused error={error} onRetry={() => void refetch()} />;
}

function Refused({ error, onRetry }: { error: unknown; onRetry: () => void }) {
  const { data: me } = useMe();
  const { signOut } = useAuth();
  const refusal = linkRefusal(asProblem(error));
  if (refusal === null) return <ProblemAlert error={error} onRetry={onRetry} />;
  return (
    <Alert type={refusal.another ? "warning" : "error"} header={refusal.header}>
      <SpaceBetween size="s">
        <div role="alert">{refusal.text}</div>
        {me !== undefined && (
          <div>
            You are signed in as <strong className="break">{me.email}</strong>.
          </div>
        )}
        <SpaceBetween direction="horizontal" size="xs">
          <Button
            variant={refusal.another ? "primary" : "normal"}
            onClick={() => void signOut("Sign in with the address that the mail was sent to.")}
          >
            Sign in as another person
          </Button>
          <RouterButton href={paths.approvals}>What waits for you</RouterButton>
        </SpaceBetween>
      </SpaceBetween>
    </Alert>
  );
}
