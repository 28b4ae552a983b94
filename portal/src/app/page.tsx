/**
 * The frame of every page: title, breadcrumbs, description, actions.
 *
 * When the address changes, the focus goes to the new page's heading: screen readers say where one is, and the next Tab
 * starts there. Live updates on a page never move it.
 */
import type { BreadcrumbGroupProps } from "@cloudscape-design/components/breadcrumb-group";
import ContentLayout from "@cloudscape-design/components/content-layout";
import Header from "@cloudscape-design/components/header";
import { createContext, useContext, useEffect, useRef, type ReactNode } from "react";
import { useLocation } from "react-router";

export type Breadcrumbs = readonly BreadcrumbGroupProps.Item[];

/** Given by the shell. */
export interface PageFrame {
  setBreadcrumbs: (items: Breadcrumbs) => void;
  /** Say that a path is shown. Answers whether the person came from another one. */
  arrive: (pathname: string) => "first" | "again" | "moved";
}

export const PageContext = createContext<PageFrame | null>(null);

interface PageProps {
  title: string;
  /** Shown beside the title, e.g. a status. */
  info?: ReactNode;
  description?: ReactNode;
  actions?: ReactNode;
  /** Without the page itself, which comes last. */
  breadcrumbs?: Breadcrumbs;
  children: ReactNode;
}

export function Page({ title, info, description, actions, breadcrumbs = [], children }: PageProps) {
  const page = useContext(PageContext);
  const { pathname } = useLocation();
  const heading = useRef<HTMLDivElement>(null);
  const trail = JSON.stringify(breadcrumbs);

  useEffect(() => {
    document.title = `${title} · Data mesh`;
  }, [title]);

  useEffect(() => {
    const items = JSON.parse(trail) as Breadcrumbs;
    page?.setBreadcrumbs(items.length === 0 ? [] : [...items, { text: title, href: "#" }]);
  }, [page, trail, title]);

  useEffect(() => {
    if (page?.arrive(pathname) !== "moved") return;
    heading.current?.focus({ preventScroll: true });
    globalThis.scrollTo(0, 0);
  }, [page, pathname]);

  return (
    <ContentLayout
      header={
        <div ref={heading} tabIndex={-1} className="page-heading">
          <Header variant="h1" info={info} description={description} actions={actions}>
            {title}
          </Header>
        </div>
      }
    >
      {children}
    </ContentLayout>
  );
}
