import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";

interface Paged {
  hasNextPage: boolean;
  isFetchingNextPage: boolean;
  fetchNextPage: () => unknown;
}

/** Below a list that was not read to its end. */
export function More({ of, label = "Show more" }: { of: Paged; label?: string }) {
  if (!of.hasNextPage) return null;
  return (
    <Box textAlign="center" padding={{ top: "s" }}>
      <Button loading={of.isFetchingNextPage} onClick={() => void of.fetchNextPage()}>
        {label}
      </Button>
    </Box>
  );
}
