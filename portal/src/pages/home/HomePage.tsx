import { Page } from "@/app/page";

export default function HomePage() {
  return <Page title="Home">{null}</Page>;
}
