/** Asks for access, to a product by name or to whatever carries certain LF-tags; the policy answers while one writes. */
import Button from "@cloudscape-design/components/button";
import Checkbox from "@cloudscape-design/components/checkbox";
import Container from "@cloudscape-design/components/container";
import Form from "@cloudscape-design/components/form";
import FormField from "@cloudscape-design/components/form-field";
import Grid from "@cloudscape-design/components/grid";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import RadioGroup from "@cloudscape-design/components/radio-group";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Textarea from "@cloudscape-design/components/textarea";
import TokenGroup from "@cloudscape-design/components/token-group";
import { useMemo, useState, type SyntheticEvent } from "react";
import { useSearchParams } from "react-router";
import { unwrap } from "@/api/client";
import { useApi } from "@/api/context";
import { domainsOf, useMe } from "@/api/me";
import type { Outcome } from "@/api/operations";
import { asProblem } from "@/api/problem";
import type { AccessRequest } from "@/api/types";
import { useCommand } from "@/api/useCommand";
import { Page } from "@/app/page";
import { paths } from "@/app/paths";
import { useDebounced } from "@/components/hooks";
import { OperationTracker, tracked, type Tracked } from "@/components/OperationTracker";
import { RouterButton, RouterLink } from "@/components/RouterLink";
import { Empty, focusProblem, Loaded, Loading, ProblemAlert } from "@/components/states";
import { useDomain } from "@/pages/domains/queries";
import { useProduct } from "@/pages/products/queries";
import {
  emptyRequest,
  fieldOf,
  previewOf,
  problemsOf,
  problemsOfScope,
  requestOf,
  withPrincipals,
  type Problems,
  type RequestForm,
} from "./model";
import { PolicyAnswer } from "./PolicyAnswer";
import { useLfTags, usePreview } from "./queries";
import { TableChoices } from "./TableChoices";
import { TagPicker } from "./TagPicker";

export default function RequestAccessPage() {
  const { data: me } = useMe();
  const [query] = useSearchParams();
  const asked = query.get("product");
  const [domain = "", name = ""] = (asked ?? "").split(".");
  const product = domain !== "" && name !== "" ? { domain, name } : null;
  const byTags = product === null;
  return (
    <Page
      title={product === null ? "Request access by LF-tag" : `Request access to ${domain}.${name}`}
      breadcrumbs={
        product === null
          ? [{ text: "Search", href: paths.search }]
          : [
              { text: "Search", href: paths.search },
              { text: `${domain}.${name}`, href: paths.product(domain, name) },
            ]
      }
    >
      {me === undefined ? (
        <Loading />
      ) : domainsOf(me).length === 0 ? (
        <Empty title="Only members of a domain ask for access">
          Access is granted to a domain&apos;s account. An administrator of the mesh puts people into domains.
        </Empty>
      ) : (
        <RequestEditor
          key={asked ?? ""}
          start={emptyRequest(byTags ? "tags" : "name", product, consumerOf(domainsOf(me), domain))}
          mine={domainsOf(me).filter((mine) => mine !== domain)}
        />
      )}
    </Page>
  );
}

/** The person's only domain that does not own the product. */
function consumerOf(mine: readonly string[], owner: string): string {
  const others = mine.filter((domain) => domain !== owner);
  return others.length === 1 ? (others[0] ?? "") : "";
}

function RequestEditor({ start, mine }: { start: RequestForm; mine: readonly string[] }) {
  const [form, setForm] = useState(start);
  const [typed, setTyped] = useState("");
  const [touched, setTouched] = useState(false);
  const [refused, setRefused] = useState<Problems>({});
  const consumer = useDomain(form.consumer, { every: 60_000, enabled: form.consumer !== "" });
  const account = consumer.data?.account_id ?? null;
  const change = (part: Partial<RequestForm>) => {
    setForm((before) => ({ ...before, ...part }));
    setRefused({});
  };

  // What is typed but not yet added counts, so that nobody has to press a button first.
  const whole = useMemo(() => ({ ...form, principals: withPrincipals(form.principals, typed) }), [form, typed]);
  const scope = problemsOfScope(whole, account);
  const askable = Object.keys(scope).length === 0;
  // As text, so that the same request is the same thing however often the form is rendered.
  const asked = useDebounced(askable ? JSON.stringify(previewOf(whole)) : null, 500);
  const preview = usePreview(useMemo(() => (asked === null ? null : (JSON.parse(asked) as AccessRequest)), [asked]));
  const answer = askable && asked !== null ? (preview.data ?? null) : null;

  const refuse = (path: string | null | undefined, message: string) => {
    const field = fieldOf(path);
    if (field !== null) setRefused({ [field]: message });
  };
  const work = useRequest();
  const told: Problems = answer?.outcome === "REJECTED" ? refusalOf(answer.field, answer.message) : {};
  const problems: Problems = { ...told, ...(touched ? problemsOf(whole, account) : {}), ...refused };

  const addTyped = () => {
    change({ principals: whole.principals });
    setTyped("");
  };
  const submit = (event: SyntheticEvent<HTMLFormElement>) => {
    event.preventDefault();
    setTouched(true);
    addTyped();
    if (Object.keys(problemsOf(whole, account)).length > 0) {
      focusProblem(event.currentTarget);
      return;
    }
    if (work.busy) return;
    work.send(requestOf(whole), (error) => refuse(asProblem(error).field, asProblem(error).detail));
  };

  if (mine.length === 0) {
    return (
      <Empty title={`${start.product?.domain ?? ""} owns this product`}>
        Its members read it already, through the grants of their own domain.
      </Empty>
    );
  }
  const done = work.ended === "succeeded";
  return (
    <form onSubmit={submit} noValidate>
      <Form
        actions={
          done ? undefined : (
            <SpaceBetween direction="horizontal" size="xs">
              <RouterButton
                href={start.product === null ? paths.search : paths.product(start.product.domain, start.product.name)}
                variant="link"
                formAction="none"
              >
                Cancel
              </RouterButton>
              <Button variant="primary" formAction="submit" loading={work.sending} disabled={work.busy}>
                Send request
              </Button>
            </SpaceBetween>
          )
        }
      >
        <SpaceBetween size="l">
          {work.error !== null && <ProblemAlert error={work.error} />}
          {work.operation !== null && (
            <OperationTracker
              operation={work.operation}
              title="Requesting access"
              success={<Sent requestId={work.operation.accepted.request_id} />}
              onEnd={(outcome) => {
                work.end(outcome);
                if (outcome.is === "rejected") refuse(outcome.field, outcome.message);
              }}
            />
          )}
          {!done && (
            <Grid gridDefinition={[{ colspan: { default: 12, xs: 7 } }, { colspan: { default: 12, xs: 5 } }]}>
              <SpaceBetween size="l">
                <Container header={<Header variant="h2">What</Header>}>
                  {form.by === "name" ? (
                    <ByName form={form} problems={problems} onChange={change} />
                  ) : (
                    <ByTags form={form} problems={problems} onChange={change} />
                  )}
                </Container>
                <Container header={<Header variant="h2">Who and why</Header>}>
                  <SpaceBetween size="l">
                    <FormField label="Domain that asks" errorText={problems.consumer}>
                      <Select
                        selectedOption={form.consumer === "" ? null : { value: form.consumer, label: form.consumer }}
                        options={mine.map((domain) => ({ value: domain, label: domain }))}
                        placeholder="Choose one of your domains"
                        onChange={({ detail }) => change({ consumer: detail.selectedOption.value ?? "" })}
                      />
                    </FormField>
                    <FormField
                      label="Principals"
                      description="ARNs of the IAM roles or users who are to read, one or more."
                      constraintText={account === null ? undefined : `In account ${account}.`}
                      errorText={problems.principals}
                      stretch
                    >
                      <div className="with-button">
                        <Input
                          value={typed}
                          spellcheck={false}
                          placeholder={`arn:aws:iam::${account ?? "333333333333"}:role/analyst`}
                          onChange={({ detail }) => {
                            setTyped(detail.value);
                            setRefused({});
                          }}
                          onKeyDown={(event) => {
                            if (event.detail.key !== "Enter" || typed.trim() === "") return;
                            event.preventDefault();
                            addTyped();
                          }}
                        />
                        <Button formAction="none" disabled={typed.trim() === ""} onClick={addTyped}>
                          Add
                        </Button>
                      </div>
                    </FormField>
                    {form.principals.length > 0 && (
                      <TokenGroup
                        alignment="vertical"
                        items={form.principals.map((arn) => ({ label: arn, dismissLabel: `Remove ${arn}` }))}
                        onDismiss={({ detail }) =>
                          change({ principals: form.principals.filter((_, place) => place !== detail.itemIndex) })
                        }
                      />
                    )}
                    <FormField
                      label="Purpose (optional)"
                      constraintText="In a word or two, as the approval policy knows it."
                      errorText={problems.purpose}
                    >
                      <Input
                        value={form.purpose}
                        placeholder="campaign planning"
                        onChange={({ detail }) => change({ purpose: detail.value })}
                      />
                    </FormField>
                    <FormField
                      label="Days (optional)"
                      constraintText="From the decision on. Empty: as long as the policy allows."
                      errorText={problems.days}
                    >
                      <Input
                        value={form.days}
                        type="number"
                        inputMode="numeric"
                        onChange={({ detail }) => change({ days: detail.value })}
                      />
                    </FormField>
                    <FormField
                      label="Justification"
                      description="Read by those who decide, and kept with the decision."
                      errorText={problems.justification}
                      stretch
                    >
                      <Textarea
                        value={form.justification}
                        rows={4}
                        onChange={({ detail }) => change({ justification: detail.value })}
                      />
                    </FormField>
                  </SpaceBetween>
                </Container>
              </SpaceBetween>
              <div className="beside">
                <PolicyAnswer
                  preview={answer}
                  missing={`It answers here before you send. ${Object.values(scope)[0] ?? ""}`}
                  error={askable ? preview.error : null}
                  checking={askable && (preview.isFetching || asked === null)}
                />
              </div>
            </Grid>
          )}
        </SpaceBetween>
      </Form>
    </form>
  );
}

function refusalOf(path: string | null | undefined, message: string | null | undefined): Problems {
  const field = fieldOf(path);
  return field === null ? {} : { [field]: message ?? "The policy refuses it." };
}

function Sent({ requestId }: { requestId: string | null | undefined }) {
  return (
    <>
      Your request is in.{" "}
      {requestId == null ? (
        <RouterLink href={paths.requests}>Follow your requests</RouterLink>
      ) : (
        <RouterLink href={paths.request(requestId)}>
          Follow it: who has decided, and when it is ready to query
        </RouterLink>
      )}
    </>
  );
}

interface PartProps {
  form: RequestForm;
  problems: Problems;
  onChange: (part: Partial<RequestForm>) => void;
}

function ByName({ form, problems, onChange }: PartProps) {
  const { domain = "", name = "" } = form.product ?? {};
  const product = useProduct(domain, name, { live: false });
  return (
    <Loaded
      query={product}
      loading="Loading its tables"
      missing={<Empty title={`There is no product ${domain}.${name}`}>Or the policy does not let you find it.</Empty>}
    >
      {({ tables, access_mode }) => (
        <SpaceBetween size="l">
          {access_mode === "tbac" && (
            <div>
              This product is shared by LF-tag.{" "}
              <RouterLink href={paths.requestByTags}>Request it by its LF-tags</RouterLink>
            </div>
          )}
          <FormField label="How much" errorText={problems.product} stretch>
            <RadioGroup
              value={form.whole ? "whole" : "tables"}
              items={[
                { value: "whole", label: "The whole product", description: "All tables and columns that it has now." },
                { value: "tables", label: "Chosen tables, columns or rows" },
              ]}
              onChange={({ detail }) => onChange({ whole: detail.value === "whole" })}
            />
          </FormField>
          {form.whole ? (
            <Checkbox
              checked={form.laterTables}
              description="Each is decided on when it comes."
              onChange={({ detail }) => onChange({ laterTables: detail.checked })}
            >
              Ask for tables that come later, too
            </Checkbox>
          ) : (
            <TableChoices
              tables={tables ?? []}
              choices={form.tables}
              problems={problems}
              onChange={(choices) => onChange({ tables: choices })}
            />
          )}
        </SpaceBetween>
      )}
    </Loaded>
  );
}

function ByTags({ form, problems, onChange }: PartProps) {
  const tags = useLfTags(true);
  return (
    <Loaded query={tags} loading="Loading LF-tags">
      {(known) =>
        known.length === 0 ? (
          <Empty title="The mesh has no LF-tags" />
        ) : (
          <TagPicker
            tags={known}
            expression={form.expression}
            problem={problems.expression}
            onChange={(expression) => onChange({ expression })}
          />
        )
      }
    </Loaded>
  );
}

function useRequest() {
  const api = useApi();
  const [operation, setOperation] = useState<Tracked | null>(null);
  const [ended, setEnded] = useState<Outcome["is"] | null>(null);
  const command = useCommand(
    (body: AccessRequest, headers) => unwrap(api.POST("/v1/access-requests", { body, headers })),
    {
      onSuccess: (accepted) => {
        setEnded(null);
        setOperation(tracked(accepted));
      },
      invalidates: [["requests"]],
    },
  );
  return {
    error: command.error,
    sending: command.isPending,
    busy: command.isPending || (operation !== null && ended === null),
    operation,
    ended,
    end: (outcome: Outcome) => setEnded(outcome.is),
    send: (body: AccessRequest, onError: (error: unknown) => void) => command.mutate(body, { onError }),
  };
}
