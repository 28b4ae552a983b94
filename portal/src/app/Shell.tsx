/** What surrounds every page: top bar, side navigation, breadcrumbs, messages. Who is not signed in sees the sign-in. */
import AppLayoutToolbar from "@cloudscape-design/components/app-layout-toolbar";
import BreadcrumbGroup from "@cloudscape-design/components/breadcrumb-group";
import Flashbar from "@cloudscape-design/components/flashbar";
import SideNavigation from "@cloudscape-design/components/side-navigation";
import Spinner from "@cloudscape-design/components/spinner";
import TopNavigation, { type TopNavigationProps } from "@cloudscape-design/components/top-navigation";
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from "react";
import { Outlet, useLocation, useNavigate } from "react-router";
import { useMe } from "@/api/me";
import { useAuth } from "@/auth/context";
import { isNarrow } from "@/components/hooks";
import { useFlash } from "./flash";
import { useFollow } from "./links";
import { activeHref, navigationOf } from "./navigation";
import { PageContext, type Breadcrumbs, type PageFrame } from "./page";
import { paths } from "./paths";
import { useDarkMode } from "./theme";

const SignInPage = lazy(() => import("@/auth/SignInPage"));

export function Shell() {
  const { state } = useAuth();
  if (state.is === "starting") return <Starting />;
  if (state.is === "signedIn") return <SignedIn />;
  // The address stays what it was: after signing in the person is where it wanted to be.
  return (
    <>
      <TopBar />
      <Suspense fallback={<Starting />}>
        <SignInPage />
      </Suspense>
    </>
  );
}

/** While nothing is known yet. */
export function Starting() {
  return (
    <div className="starting" role="status" aria-label="Loading">
      <Spinner size="large" />
    </div>
  );
}

function SignedIn() {
  const { data: me } = useMe();
  const { pathname, search } = useLocation();
  const flash = useFlash();
  const follow = useFollow();
  const [breadcrumbs, setBreadcrumbs] = useState<Breadcrumbs>([]);
  const [navigationOpen, setNavigationOpen] = useState(() => globalThis.matchMedia("(min-width: 1100px)").matches);
  const visited = useRef<string | null>(null);
  // AppLayout closes the navigation by itself while it has not measured the page. On wide screens only people close it.
  const clicked = useRef(-Infinity);
  useEffect(() => {
    const hear = () => {
      clicked.current = performance.now();
    };
    document.addEventListener("click", hear, true);
    return () => document.removeEventListener("click", hear, true);
  }, []);
  const page = useMemo<PageFrame>(
    () => ({
      setBreadcrumbs,
      arrive: (path) => {
        const before = visited.current;
        visited.current = path;
        if (before === path) return "again";
        return before === null ? "first" : "moved";
      },
    }),
    [],
  );
  const items = useMemo(() => navigationOf(me), [me]);
  return (
    <PageContext value={page}>
      <a className="skip-link" href="#content">
        Skip to the content
      </a>
      <TopBar />
      <AppLayoutToolbar
        headerSelector="#top"
        toolsHide
        navigationOpen={navigationOpen}
        onNavigationChange={({ detail }) => {
          const byHand = performance.now() - clicked.current < 300;
          if (detail.open || byHand || isNarrow()) setNavigationOpen(detail.open);
        }}
        navigation={<SideNavigation activeHref={activeHref(pathname, search)} items={items} onFollow={follow} />}
        breadcrumbs={
          breadcrumbs.length > 0 ? (
            <BreadcrumbGroup items={breadcrumbs} onFollow={follow} ariaLabel="Breadcrumbs" />
          ) : undefined
        }
        notifications={<Flashbar items={flash.items} stackItems />}
        content={
          <div id="content" tabIndex={-1} className="content">
            <Outlet />
          </div>
        }
      />
    </PageContext>
  );
}

function TopBar() {
  const { state, signOut } = useAuth();
  const { dark, toggle } = useDarkMode();
  const navigate = useNavigate();
  const follow = useFollow();
  const flash = useFlash();
  const utilities: TopNavigationProps.Utility[] = [
    {
      type: "button",
      text: dark ? "Light mode" : "Dark mode",
      ariaLabel: dark ? "Change to light mode" : "Change to dark mode",
      onClick: toggle,
    },
  ];
  const person = usePerson(state.is === "signedIn");
  if (state.is === "signedIn") {
    utilities.push({
      type: "menu-dropdown",
      iconName: "user-profile",
      text: person.name,
      description: person.email,
      ariaLabel: `Account of ${person.name}`,
      items: [
        ...(person.roles.length > 0
          ? [
              {
                id: "roles",
                text: "Your roles",
                items: person.roles.map((role) => ({ id: role, text: role, disabled: true })),
              },
            ]
          : []),
        { id: "sign-out", text: "Sign out" },
      ],
      onItemClick: ({ detail }) => {
        if (detail.id !== "sign-out") return;
        void signOut("You are signed out.").then(() => {
          flash.clear();
          return navigate(paths.home, { replace: true });
        });
      },
    });
  }
  return (
    <div id="top">
      <TopNavigation
        identity={{ href: paths.home, title: "Data mesh", onFollow: follow }}
        utilities={utilities}
        i18nStrings={{
          overflowMenuTriggerText: "More",
          overflowMenuTitleText: "All",
          overflowMenuBackIconAriaLabel: "Back",
          overflowMenuDismissIconAriaLabel: "Close menu",
        }}
      />
    </div>
  );
}

function usePerson(signedIn: boolean): { name: string; email: string; roles: string[] } {
  const { data: me } = useMe({ enabled: signedIn });
  if (me === undefined) return { name: "Account", email: "", roles: [] };
  const inDomains = (me.domains ?? []).flatMap(({ domain, roles }) => roles.map((role) => `${role} of ${domain}`));
  const inMesh = (me.mesh_roles ?? []).map((role) => `${role} of the mesh`);
  return { name: me.name ?? me.email, email: me.email, roles: [...inDomains, ...inMesh] };
}
