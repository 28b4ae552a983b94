/** Registers a product or changes it, out of a manifest or the form; shows what that would do before it is done. */
import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Checkbox from "@cloudscape-design/components/checkbox";
import Container from "@cloudscape-design/components/container";
import FileUpload from "@cloudscape-design/components/file-upload";
import Form from "@cloudscape-design/components/form";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Spinner from "@cloudscape-design/components/spinner";
import Tabs from "@cloudscape-design/components/tabs";
import { useMemo, useRef, useState, type SyntheticEvent } from "react";
import { useParams } from "react-router";
import { unwrap } from "@/api/client";
import { useApi } from "@/api/context";
import { mayManage, useMe } from "@/api/me";
import type { Outcome } from "@/api/operations";
import type { ProductDetail, ProductPlan, ProductRegistration } from "@/api/types";
import { useCommand } from "@/api/useCommand";
import { Page } from "@/app/page";
import { paths } from "@/app/paths";
import { useDebounced } from "@/components/hooks";
import { OperationTracker, tracked, type Tracked } from "@/components/OperationTracker";
import { RouterButton, RouterLink } from "@/components/RouterLink";
import { Empty, focusProblem, Loaded, Loading, ProblemAlert } from "@/components/states";
import { useDomain } from "@/pages/domains/queries";
import { emptyForm, formOf, problemsOf, specOf, type ProductForm } from "./form";
import { ManifestEditor, type ManifestEditorRef } from "./ManifestEditor";
import { verdictOf } from "./plan";
import { PlanView } from "./PlanView";
import { ProductFields } from "./ProductFields";
import { usePlan, useProduct } from "./queries";

const MAX_MANIFEST = 200_000;

export default function ProductEditorPage() {
  const { domain = "", product } = useParams();
  const { data: me } = useMe();
  const owning = useDomain(domain, { every: 60_000 });
  const known = useProduct(domain, product ?? "", { live: false, enabled: product !== undefined });
  return (
    <Page
      title={product === undefined ? "Register a product" : `Change ${product}`}
      description={`Of the domain ${domain}. Nothing is done before you have seen what it would change.`}
      breadcrumbs={[
        { text: "Domains", href: paths.domains },
        { text: domain, href: paths.domain(domain) },
        ...(product === undefined ? [] : [{ text: product, href: paths.product(domain, product) }]),
      ]}
    >
      {me === undefined ? (
        <Loading />
      ) : !mayManage(me, domain) ? (
        <Empty title={`Only owners of ${domain} register and change its products`} />
      ) : (
        <Loaded query={owning}>
          {({ location }) =>
            product === undefined ? (
              <Editor domain={domain} base={location ?? ""} known={null} />
            ) : (
              <Loaded query={known} missing={<Empty title={`There is no product ${domain}.${product}`} />}>
                {(detail) => <Editor domain={domain} base={location ?? ""} known={detail} />}
              </Loaded>
            )
          }
        </Loaded>
      )}
    </Page>
  );
}

function Editor({ domain, base, known }: { domain: string; base: string; known: ProductDetail | null }) {
  // With columns left out of the answer, the form would take them for columns that are to go.
  const partial = (known?.tables ?? []).some(({ truncated }) => truncated);
  const [by, setBy] = useState<"manifest" | "form">(known === null || partial ? "manifest" : "form");
  const [manifest, setManifest] = useState("");
  const [form, setForm] = useState<ProductForm>(() => (known === null ? emptyForm(base) : formOf(known)));
  const [touched, setTouched] = useState(known !== null);
  const [accepted, setAccepted] = useState(false);
  const editor = useRef<ManifestEditorRef>(null);

  const formProblems = useMemo(() => problemsOf(form, base), [form, base]);
  const registration = useMemo<ProductRegistration | null>(() => {
    if (by === "manifest") {
      if (manifest.trim() === "" || manifest.length > MAX_MANIFEST) return null;
      return { manifest, product: null, accept_breaking_changes: false };
    }
    if (Object.keys(formProblems).length > 0) return null;
    return { manifest: null, product: specOf(form), accept_breaking_changes: false };
  }, [by, manifest, form, formProblems]);
  const asked = useDebounced(registration, 500);
  const query = usePlan(domain, asked);
  const current = registration !== null && asked === registration && !query.isPlaceholderData;
  const plan = registration === null ? undefined : query.data;
  const work = useRegistration(domain);

  const submit = (event: SyntheticEvent<HTMLFormElement>) => {
    event.preventDefault();
    setTouched(true);
    if (registration === null) focusProblem(event.currentTarget);
    if (registration === null || plan === undefined || !current || work.busy) return;
    const verdict = verdictOf(plan);
    if (!verdict.possible || (verdict.breaking && !accepted)) return;
    work.register(plan, { ...registration, accept_breaking_changes: verdict.breaking && accepted });
  };

  const verdict = plan === undefined ? null : verdictOf(plan);
  const ready = current && verdict !== null && verdict.possible && (!verdict.breaking || accepted);
  const tooLong = manifest.length > MAX_MANIFEST;
  return (
    <form onSubmit={submit} noValidate>
      <Form
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <RouterButton
              href={known === null ? paths.domain(domain) : paths.product(domain, known.name)}
              variant="link"
              formAction="none"
            >
              {work.ended === "succeeded" ? "Back" : "Cancel"}
            </RouterButton>
            <Button
              variant="primary"
              formAction="submit"
              loading={work.sending}
              disabled={work.busy || (registration !== null && !ready)}
              disabledReason={work.busy ? "The mesh is working on it." : reasonOf(verdict, current)}
            >
              {plan?.exists === true || known !== null ? "Change product" : "Register product"}
            </Button>
          </SpaceBetween>
        }
      >
        <SpaceBetween size="l">
          {work.error !== null && <ProblemAlert error={work.error} />}
          {work.operation !== null && (
            <OperationTracker
              operation={work.operation.tracked}
              title={`Registering ${domain}.${work.operation.name}`}
              success={
                <>
                  Its tables are in the catalog; the crawler reads them next.{" "}
                  <RouterLink href={paths.product(domain, work.operation.name)}>Open {work.operation.name}</RouterLink>
                </>
              }
              onEnd={work.end}
            />
          )}
          <Tabs
            ariaLabel="How the product is described"
            activeTabId={by}
            onChange={({ detail }) => setBy(detail.activeTabId as "manifest" | "form")}
            tabs={[
              {
                id: "manifest",
                label: "Manifest (YAML)",
                content: (
                  <Container header={<Header variant="h2">Manifest</Header>}>
                    <SpaceBetween size="m">
                      <ManifestUpload onLoaded={setManifest} />
                      <ManifestEditor
                        ref={editor}
                        value={manifest}
                        problems={plan?.problems ?? []}
                        onChange={(text) => {
                          setManifest(text);
                          setAccepted(false);
                        }}
                      />
                      {tooLong && (
                        <Alert type="error">
                          A manifest has at most {MAX_MANIFEST.toLocaleString("en-GB")} characters.
                        </Alert>
                      )}
                      {touched && manifest.trim() === "" && (
                        <Alert type="error">Choose a file, or paste the manifest.</Alert>
                      )}
                    </SpaceBetween>
                  </Container>
                ),
              },
              {
                id: "form",
                label: "Form",
                disabled: partial,
                disabledReason: "The product has more columns than the form can hold. Use its manifest.",
                content: (
                  <ProductFields
                    form={form}
                    base={base}
                    named={known !== null}
                    problems={touched ? formProblems : {}}
                    onChange={(changed) => {
                      setForm(changed);
                      setAccepted(false);
                    }}
                  />
                ),
              },
            ]}
          />
          <section aria-label="What registering would do" aria-busy={query.isFetching}>
            <SpaceBetween size="m">
              <Header variant="h2" info={query.isFetching ? <Spinner /> : undefined}>
                What registering would do
              </Header>
              {registration === null ? (
                <Box color="text-body-secondary">
                  {by === "manifest"
                    ? "Shown here as soon as there is a manifest."
                    : "Shown here as soon as the form is complete."}
                </Box>
              ) : query.error !== null && current ? (
                <ProblemAlert error={query.error} onRetry={() => void query.refetch()} />
              ) : plan === undefined ? (
                <Loading label="Checking" />
              ) : (
                <SpaceBetween size="m">
                  {known !== null && plan.product != null && plan.product.name !== known.name && (
                    <Alert type="warning">
                      This manifest describes {plan.product.name}, not {known.name}.
                    </Alert>
                  )}
                  <PlanView
                    plan={plan}
                    {...(by === "manifest" && { onGoTo: (line, column) => editor.current?.goTo(line, column) })}
                  />
                  {verdict?.breaking === true && verdict.possible && (
                    <FormField label="Breaking changes">
                      <Checkbox checked={accepted} onChange={({ detail }) => setAccepted(detail.checked)}>
                        Make these changes although they break what consumers rely on
                      </Checkbox>
                    </FormField>
                  )}
                </SpaceBetween>
              )}
            </SpaceBetween>
          </section>
        </SpaceBetween>
      </Form>
    </form>
  );
}

function reasonOf(verdict: { possible: boolean } | null, current: boolean): string {
  if (verdict === null || !current) return "It is being checked.";
  return verdict.possible ? "Accept the breaking changes first." : "Mend what is wrong first.";
}

function ManifestUpload({ onLoaded }: { onLoaded: (text: string) => void }) {
  const [files, setFiles] = useState<File[]>([]);
  const [problem, setProblem] = useState<string | null>(null);
  const load = async (chosen: File[]) => {
    setFiles(chosen);
    setProblem(null);
    const [file] = chosen;
    if (file === undefined) return;
    if (file.size > MAX_MANIFEST * 4) setProblem("The file is too large for a manifest.");
    else onLoaded(await file.text());
  };
  return (
    <FormField label="File" errorText={problem}>
      <FileUpload
        value={files}
        accept=".yaml,.yml,application/yaml,text/yaml"
        showFileSize
        constraintText="YAML, at most 200,000 characters. It is put into the field below."
        i18nStrings={{
          uploadButtonText: () => "Choose file",
          dropzoneText: () => "Drop the manifest here",
          removeFileAriaLabel: () => "Remove file",
          limitShowFewer: "Show fewer",
          limitShowMore: "Show more",
          errorIconAriaLabel: "Error",
          warningIconAriaLabel: "Warning",
        }}
        onChange={({ detail }) => void load(detail.value)}
      />
    </FormField>
  );
}

function useRegistration(domain: string) {
  const api = useApi();
  const [operation, setOperation] = useState<{ tracked: Tracked; name: string } | null>(null);
  const [ended, setEnded] = useState<Outcome["is"] | null>(null);
  const command = useCommand(
    ({ exists, name, body }: { exists: boolean; name: string; body: ProductRegistration }, headers) =>
      exists
        ? unwrap(
            api.PUT("/v1/domains/{domain}/products/{product}", {
              params: { path: { domain, product: name } },
              body,
              headers,
            }),
          )
        : unwrap(api.POST("/v1/domains/{domain}/products", { params: { path: { domain } }, body, headers })),
    {
      onSuccess: (accepted, { name }) => {
        setEnded(null);
        setOperation({ tracked: tracked(accepted), name });
      },
      invalidates: [
        ["products", domain],
        ["plan", domain],
        ["product", domain],
      ],
    },
  );
  return {
    error: command.error,
    sending: command.isPending,
    busy: command.isPending || (operation !== null && ended === null),
    operation,
    ended,
    end: (outcome: Outcome) => setEnded(outcome.is),
    register: (plan: ProductPlan, body: ProductRegistration) =>
      command.mutate({ exists: plan.exists, name: plan.product?.name ?? "", body }),
  };
}
