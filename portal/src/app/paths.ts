/** Every address of the portal. Pages link with these only. */

const part = encodeURIComponent;

export const paths = {
  home: "/",
  search: "/search",
  domains: "/domains",
  registerDomain: "/domains/register",
  domain: (domain: string) => `/domains/${part(domain)}`,
  registerProduct: (domain: string) => `/domains/${part(domain)}/products/register`,
  product: (domain: string, product: string) => `/domains/${part(domain)}/products/${part(product)}`,
  editProduct: (domain: string, product: string) => `/domains/${part(domain)}/products/${part(product)}/edit`,
  requestProduct: (domain: string, product: string) => `/request-access?product=${part(domain)}.${part(product)}`,
  requestByTags: "/request-access?by=tags",
  requests: "/requests",
  request: (id: string) => `/requests/${part(id)}`,
  approvals: "/approvals",
  approval: (requestId: string, number: number) => `/approvals/${part(requestId)}/${number}`,
  access: "/access",
  executions: (domain?: string) => (domain === undefined ? "/executions" : `/executions?domain=${part(domain)}`),
  execution: (id: string) => `/executions/${part(id)}`,
  operation: (correlationId: string) => `/operations/${part(correlationId)}`,
  audit: "/audit",
} as const;
