/** Sign-in, the change of a temporary password, and the reset of a forgotten one: one form at a time. */
import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Form from "@cloudscape-design/components/form";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input, { type InputProps } from "@cloudscape-design/components/input";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useEffect, useRef, useState, type ReactNode, type SyntheticEvent } from "react";
import { focusProblem } from "@/components/states";
import { useAuth } from "./context";

export default function SignInPage() {
  const { state } = useAuth();
  useEffect(() => {
    document.title = "Sign in · Data mesh";
  }, []);
  return (
    <main className="sign-in" id="content">
      {state.is === "signedOut" && <SignIn key="signedOut" {...state} />}
      {state.is === "newPassword" && <NewPassword key="newPassword" {...state} />}
      {state.is === "forgot" && <Forgot key="forgot" {...state} />}
      {state.is === "reset" && <Reset key="reset" {...state} />}
    </main>
  );
}

interface FrameProps {
  title: string;
  description?: string;
  submit: string;
  busy: boolean;
  notice?: string | null;
  error: string | null;
  secondary?: ReactNode;
  onSubmit: () => void;
  children: ReactNode;
}

function Frame({ title, description, submit, busy, notice, error, secondary, onSubmit, children }: FrameProps) {
  const send = (event: SyntheticEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (busy) return;
    onSubmit();
    focusProblem(event.currentTarget);
  };
  return (
    <form onSubmit={send} noValidate>
      <Form
        actions={
          <Button variant="primary" formAction="submit" loading={busy}>
            {submit}
          </Button>
        }
        secondaryActions={secondary}
      >
        <SpaceBetween size="m">
          {notice != null && <Alert type="info">{notice}</Alert>}
          <div role="alert">{error !== null && <Alert type="error">{error}</Alert>}</div>
          <Container
            header={
              <Header variant="h1" description={description}>
                {title}
              </Header>
            }
          >
            <SpaceBetween size="m">{children}</SpaceBetween>
          </Container>
        </SpaceBetween>
      </Form>
    </form>
  );
}

function useFocus() {
  const ref = useRef<InputProps.Ref>(null);
  useEffect(() => ref.current?.focus(), []);
  return ref;
}

const required = (value: string, touched: boolean, what: string) => (touched && value.trim() === "" ? what : null);

function SignIn({
  email: known,
  notice,
  error,
  busy,
}: {
  email: string;
  notice: string | null;
  error: string | null;
  busy: boolean;
}) {
  const auth = useAuth();
  const [email, setEmail] = useState(known);
  const [password, setPassword] = useState("");
  const [touched, setTouched] = useState(false);
  const first = useFocus();
  const submit = () => {
    setTouched(true);
    if (email.trim() !== "" && password !== "") void auth.signIn(email, password);
  };
  return (
    <Frame
      title="Sign in"
      description="With the address that an administrator of the mesh has registered."
      submit="Sign in"
      busy={busy}
      notice={notice}
      error={error}
      secondary={
        <Button variant="link" formAction="none" onClick={() => auth.forgot(email)}>
          Forgot password
        </Button>
      }
      onSubmit={submit}
    >
      <FormField label="Email address" errorText={required(email, touched, "Enter your email address.")}>
        <Input
          ref={first}
          value={email}
          type="email"
          inputMode="email"
          autoComplete="username"
          spellcheck={false}
          onChange={({ detail }) => setEmail(detail.value)}
        />
      </FormField>
      <FormField label="Password" errorText={required(password, touched, "Enter your password.")}>
        <Input
          value={password}
          type="password"
          autoComplete="current-password"
          onChange={({ detail }) => setPassword(detail.value)}
        />
      </FormField>
    </Frame>
  );
}

function PasswordFields({
  password,
  repeated,
  touched,
  onPassword,
  onRepeated,
  first,
}: {
  password: string;
  repeated: string;
  touched: boolean;
  onPassword: (value: string) => void;
  onRepeated: (value: string) => void;
  first?: boolean;
}) {
  const field = useRef<InputProps.Ref>(null);
  useEffect(() => {
    if (first === true) field.current?.focus();
  }, [first]);
  return (
    <SpaceBetween size="m">
      <FormField
        label="New password"
        constraintText="What it must be like is the mesh's rule; a password that breaks it is refused with the reason."
        errorText={required(password, touched, "Enter a new password.")}
      >
        <Input
          ref={field}
          value={password}
          type="password"
          autoComplete="new-password"
          onChange={({ detail }) => onPassword(detail.value)}
        />
      </FormField>
      <FormField
        label="New password, once more"
        errorText={touched && repeated !== password ? "The two passwords differ." : null}
      >
        <Input
          value={repeated}
          type="password"
          autoComplete="new-password"
          onChange={({ detail }) => onRepeated(detail.value)}
        />
      </FormField>
    </SpaceBetween>
  );
}

function NewPassword({ email, error, busy }: { email: string; error: string | null; busy: boolean }) {
  const auth = useAuth();
  const [password, setPassword] = useState("");
  const [repeated, setRepeated] = useState("");
  const [touched, setTouched] = useState(false);
  const submit = () => {
    setTouched(true);
    if (password !== "" && password === repeated) void auth.newPassword(password);
  };
  return (
    <Frame
      title="Choose your password"
      description={`The password you were given for ${email} is good for one sign-in only.`}
      submit="Set password and sign in"
      busy={busy}
      error={error}
      secondary={
        <Button variant="link" formAction="none" onClick={() => void auth.signOut()}>
          Back to sign-in
        </Button>
      }
      onSubmit={submit}
    >
      <PasswordFields
        first
        password={password}
        repeated={repeated}
        touched={touched}
        onPassword={setPassword}
        onRepeated={setRepeated}
      />
    </Frame>
  );
}

function Forgot({ email: known, error, busy }: { email: string; error: string | null; busy: boolean }) {
  const auth = useAuth();
  const [email, setEmail] = useState(known);
  const [touched, setTouched] = useState(false);
  const first = useFocus();
  const submit = () => {
    setTouched(true);
    if (email.trim() !== "") void auth.sendCode(email);
  };
  return (
    <Frame
      title="Reset your password"
      description="A code is sent to your address."
      submit="Send code"
      busy={busy}
      error={error}
      secondary={
        <Button variant="link" formAction="none" onClick={() => void auth.signOut()}>
          Back to sign-in
        </Button>
      }
      onSubmit={submit}
    >
      <FormField label="Email address" errorText={required(email, touched, "Enter your email address.")}>
        <Input
          ref={first}
          value={email}
          type="email"
          inputMode="email"
          autoComplete="username"
          spellcheck={false}
          onChange={({ detail }) => setEmail(detail.value)}
        />
      </FormField>
    </Frame>
  );
}

function Reset({
  email,
  notice,
  error,
  busy,
}: {
  email: string;
  notice: string | null;
  error: string | null;
  busy: boolean;
}) {
  const auth = useAuth();
  const [code, setCode] = useState("");
  const [password, setPassword] = useState("");
  const [repeated, setRepeated] = useState("");
  const [touched, setTouched] = useState(false);
  const first = useFocus();
  const submit = () => {
    setTouched(true);
    if (code.trim() !== "" && password !== "" && password === repeated) void auth.resetPassword(code, password);
  };
  return (
    <Frame
      title="Reset your password"
      submit="Change password"
      busy={busy}
      notice={notice}
      error={error}
      secondary={
        <SpaceBetween direction="horizontal" size="xs">
          <Button variant="link" formAction="none" onClick={() => void auth.sendCode(email)}>
            Send another code
          </Button>
          <Button variant="link" formAction="none" onClick={() => void auth.signOut()}>
            Back to sign-in
          </Button>
        </SpaceBetween>
      }
      onSubmit={submit}
    >
      <Box color="text-body-secondary">For {email}</Box>
      <FormField label="Code" errorText={required(code, touched, "Enter the code from the mail.")}>
        <Input
          ref={first}
          value={code}
          inputMode="numeric"
          autoComplete="one-time-code"
          onChange={({ detail }) => setCode(detail.value)}
        />
      </FormField>
      <PasswordFields
        password={password}
        repeated={repeated}
        touched={touched}
        onPassword={setPassword}
        onRepeated={setRepeated}
      />
    </Frame>
  );
}
