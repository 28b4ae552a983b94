import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import Form from "@cloudscape-design/components/form";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState, type SyntheticEvent } from "react";
import { useSearchParams } from "react-router";
import { unwrap } from "@/api/client";
import { useApi } from "@/api/context";
import { domainsOf, inMesh, useMe } from "@/api/me";
import type { Outcome } from "@/api/operations";
import { asProblem } from "@/api/problem";
import type { DomainDetail, DomainRegistration } from "@/api/types";
import { useCommand } from "@/api/useCommand";
import { Page } from "@/app/page";
import { paths } from "@/app/paths";
import { OperationTracker, tracked, type Tracked } from "@/components/OperationTracker";
import { RouterButton, RouterLink } from "@/components/RouterLink";
import { Empty, focusProblem, Loading, ProblemAlert } from "@/components/states";
import { TagRows } from "@/components/TagRows";
import { accountOf, fieldOf, problemsOf, tagsOf, type DomainForm, type DomainProblems } from "./model";
import { useDomain } from "./queries";

export default function RegisterDomainPage() {
  const { data: me } = useMe();
  const [query] = useSearchParams();
  const asked = query.get("domain");
  const known = useDomain(asked ?? "", { enabled: asked !== null });
  // Looking again for a domain that is not there yet is pending once more: the form must not lose what was typed.
  const [looked, setLooked] = useState(asked === null);
  if (!looked && !known.isPending) setLooked(true);
  const again = known.data !== undefined;
  return (
    <Page
      title={again ? `Register ${known.data.domain} again` : "Register a domain"}
      description="The mesh reads the domain's config secret, checks that it lies in the domain's own account, and sets up what the domain needs. Registering again takes over what the secret says now."
      breadcrumbs={[
        { text: "Domains", href: paths.domains },
        ...(again ? [{ text: known.data.domain, href: paths.domain(known.data.domain) }] : []),
      ]}
    >
      {me === undefined || !looked ? (
        <Loading />
      ) : domainsOf(me, "owner").length === 0 && !inMesh(me, "admin") ? (
        <Empty title="Only owners register a domain">
          You are not the owner of a domain. Ask an administrator of the mesh to make you one.
        </Empty>
      ) : (
        <RegistrationForm
          owned={domainsOf(me, "owner")}
          anyDomain={inMesh(me, "admin")}
          start={startOf(asked, known.data, inMesh(me, "admin") ? [] : domainsOf(me, "owner"))}
        />
      )}
    </Page>
  );
}

function startOf(asked: string | null, known: DomainDetail | undefined, owned: readonly string[]): DomainForm {
  return {
    domain: asked ?? (owned.length === 1 ? (owned[0] ?? "") : ""),
    secretArn: known?.config_secret_arn ?? "",
    tags: Object.entries(known?.tags ?? {}).map(([key, value]) => ({ key, value })),
  };
}

function RegistrationForm({ owned, anyDomain, start }: { owned: string[]; anyDomain: boolean; start: DomainForm }) {
  const api = useApi();
  const [form, setForm] = useState(start);
  const [touched, setTouched] = useState(false);
  const [refused, setRefused] = useState<DomainProblems>({});
  const [operation, setOperation] = useState<Tracked | null>(null);
  const [ended, setEnded] = useState<Outcome["is"] | null>(null);
  const change = (part: Partial<DomainForm>) => {
    setForm({ ...form, ...part });
    setRefused({});
  };
  const refuse = (path: string | null, message: string) => {
    const field = fieldOf(path);
    if (field !== null) setRefused({ [field]: message });
  };
  const command = useCommand(
    (body: DomainRegistration, headers) => unwrap(api.POST("/v1/domains", { body, headers })),
    {
      onSuccess: (accepted) => {
        setEnded(null);
        setOperation(tracked(accepted));
      },
      invalidates: [["domains"], ["domain", form.domain]],
    },
  );
  const problems = touched ? { ...problemsOf(form), ...refused } : refused;
  const submit = (event: SyntheticEvent<HTMLFormElement>) => {
    event.preventDefault();
    setTouched(true);
    if (Object.keys(problemsOf(form)).length > 0) {
      focusProblem(event.currentTarget);
      return;
    }
    if (command.isPending || running) return;
    const { domain, secretArn, tags } = form;
    command.mutate(
      { domain, config_secret_arn: secretArn.trim(), tags: tagsOf(tags) },
      { onError: (error) => refuse(asProblem(error).field, asProblem(error).detail) },
    );
  };
  const running = operation !== null && ended === null;
  const account = accountOf(form.secretArn);
  return (
    <form onSubmit={submit} noValidate>
      <Form
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <RouterButton href={paths.domains} variant="link" formAction="none">
              {ended === "succeeded" ? "Back to the domains" : "Cancel"}
            </RouterButton>
            <Button variant="primary" formAction="submit" loading={command.isPending} disabled={running}>
              Register domain
            </Button>
          </SpaceBetween>
        }
      >
        <SpaceBetween size="l">
          {command.error !== null && <ProblemAlert error={command.error} />}
          {operation !== null && (
            <OperationTracker
              operation={operation}
              title={`Registering ${form.domain}`}
              success={
                <>
                  The domain is part of the mesh.{" "}
                  <RouterLink href={paths.domain(form.domain)}>Open {form.domain}</RouterLink>
                </>
              }
              onEnd={(outcome) => {
                setEnded(outcome.is);
                if (outcome.is === "rejected") refuse(outcome.field, outcome.message);
              }}
            />
          )}
          <Container header={<Header variant="h2">Domain</Header>}>
            <SpaceBetween size="l">
              <FormField
                label="Name"
                description={anyDomain ? undefined : "A domain of which you are the owner."}
                constraintText="Lower case letters, digits and underscores, at most 30."
                errorText={problems.domain}
              >
                {anyDomain ? (
                  <Input
                    value={form.domain}
                    placeholder="sales"
                    onChange={({ detail }) => change({ domain: detail.value })}
                  />
                ) : (
                  <Select
                    selectedOption={form.domain === "" ? null : { value: form.domain, label: form.domain }}
                    options={owned.map((domain) => ({ value: domain, label: domain }))}
                    placeholder="Choose a domain"
                    onChange={({ detail }) => change({ domain: detail.selectedOption.value ?? "" })}
                  />
                )}
              </FormField>
              <FormField
                label="ARN of the config secret"
                description="Terraform shows it in the domain's account as the output config_secret_arn."
                constraintText={
                  account === null
                    ? "The full ARN, with its suffix of six characters."
                    : `In account ${account}, which will be the domain's.`
                }
                errorText={problems.secretArn}
                stretch
              >
                <Input
                  value={form.secretArn}
                  spellcheck={false}
                  placeholder="arn:aws:secretsmanager:eu-west-1:222222222222:secret:datamesh-domain-config-Ab12Cd"
                  onChange={({ detail }) => change({ secretArn: detail.value })}
                />
              </FormField>
            </SpaceBetween>
          </Container>
          <ExpandableSection
            variant="container"
            headerText="LF-tags (optional)"
            headerDescription="All products of the domain that are shared by LF-tag inherit them."
            defaultExpanded={form.tags.length > 0}
          >
            <FormField errorText={problems.tags} stretch>
              <TagRows rows={form.tags} onChange={(tags) => change({ tags })} />
            </FormField>
          </ExpandableSection>
        </SpaceBetween>
      </Form>
    </form>
  );
}
