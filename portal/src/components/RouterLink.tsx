import Button, { type ButtonProps } from "@cloudscape-design/components/button";
import Link, { type LinkProps } from "@cloudscape-design/components/link";
import { useFollow } from "@/app/links";

/** A link inside the portal. */
export function RouterLink(props: LinkProps & { href: string }) {
  const follow = useFollow();
  return <Link {...props} onFollow={follow} />;
}

/** A button that leads to another page of the portal. */
export function RouterButton(props: ButtonProps & { href: string }) {
  const follow = useFollow();
  return <Button {...props} onFollow={follow} />;
}
