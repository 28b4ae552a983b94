/**
 * Every page of the portal and its address. A page is a module with a default export; it is loaded when it is opened.
 * The approval links of mails lead to `/approval-links/<link id>?signature=…`: that address is part of the contract.
 */
import type { ComponentType } from "react";
import type { RouteObject } from "react-router";
import { RouteFailed } from "./RouteFailed";
import { Shell, Starting } from "./Shell";

function page(load: () => Promise<{ default: ComponentType }>): Pick<RouteObject, "lazy" | "errorElement"> {
  return { lazy: async () => ({ Component: (await load()).default }), errorElement: <RouteFailed /> };
}

export const routes: RouteObject[] = [
  {
    element: <Shell />,
    errorElement: <RouteFailed bare />,
    hydrateFallbackElement: <Starting />,
    children: [
      { index: true, ...page(() => import("@/pages/home/HomePage")) },
      { path: "sign-in", ...page(() => import("@/pages/home/SignedInPage")) },
      { path: "domains", ...page(() => import("@/pages/domains/DomainsPage")) },
      { path: "domains/register", ...page(() => import("@/pages/domains/RegisterDomainPage")) },
      { path: "domains/:domain", ...page(() => import("@/pages/domains/DomainPage")) },
      { path: "search", ...page(() => import("@/pages/search/SearchPage")) },
      { path: "request-access", ...page(() => import("@/pages/access-request/RequestAccessPage")) },
      { path: "domains/:domain/products/:product", ...page(() => import("@/pages/products/ProductPage")) },
      { path: "domains/:domain/products/register", ...page(() => import("@/pages/products/ProductEditorPage")) },
      { path: "domains/:domain/products/:product/edit", ...page(() => import("@/pages/products/ProductEditorPage")) },
      { path: "requests", ...page(() => import("@/pages/requests/RequestsPage")) },
      { path: "requests/:id", ...page(() => import("@/pages/requests/RequestPage")) },
      { path: "approvals", ...page(() => import("@/pages/approvals/ApprovalsPage")) },
      { path: "approvals/:requestId/:number", ...page(() => import("@/pages/approvals/ApprovalPage")) },
      { path: "approval-links/:linkId", ...page(() => import("@/pages/approvals/ApprovalLinkPage")) },
      { path: "access", ...page(() => import("@/pages/access/AccessPage")) },
      { path: "executions", ...page(() => import("@/pages/executions/ExecutionsPage")) },
      { path: "executions/:id", ...page(() => import("@/pages/executions/ExecutionPage")) },
      { path: "operations/:correlationId", ...page(() => import("@/pages/executions/OperationPage")) },
      { path: "audit", ...page(() => import("@/pages/audit/AuditPage")) },
      { path: "*", ...page(() => import("@/pages/NotFoundPage")) },
    ],
  },
];
