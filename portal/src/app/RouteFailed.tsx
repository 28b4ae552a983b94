import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import { useRouteError } from "react-router";

/** A page that could not be loaded or shown, most often because a newer portal was deployed meanwhile. */
export function RouteFailed({ bare = false }: { bare?: boolean }) {
  const error = useRouteError();
  return (
    <Box padding={bare ? "xxl" : "n"}>
      <Alert
        type="error"
        header="This page could not be shown"
        action={<Button onClick={() => globalThis.location.reload()}>Reload</Button>}
      >
        {error instanceof Error ? error.message : "Something unexpected happened."} Perhaps the portal was updated while
        you were using it.
      </Alert>
    </Box>
  );
}
