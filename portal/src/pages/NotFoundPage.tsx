import Box from "@cloudscape-design/components/box";
import { Page } from "@/app/page";
import { paths } from "@/app/paths";
import { RouterLink } from "@/components/RouterLink";

export default function NotFoundPage() {
  return (
    <Page title="Page not found">
      <Box>
        Nothing is at this address. <RouterLink href={paths.home}>Go to the start page</RouterLink>
      </Box>
    </Page>
  );
}
