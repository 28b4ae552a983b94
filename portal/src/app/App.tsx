import { I18nProvider } from "@cloudscape-design/components/i18n";
import messages from "@cloudscape-design/components/i18n/messages/all.en";
import { QueryClientProvider } from "@tanstack/react-query";
import { useState } from "react";
import { createBrowserRouter, RouterProvider } from "react-router";
import { AuthProvider } from "@/auth/AuthProvider";
import type { Gateway } from "@/auth/gateway";
import { FlashProvider } from "./flash";
import { createQueryClient } from "./queries";
import { routes } from "./routes";

export function App({ gateway, apiUrl }: { gateway: Gateway; apiUrl: string }) {
  const [queries] = useState(createQueryClient);
  const [router] = useState(() => createBrowserRouter(routes));
  return (
    <I18nProvider locale="en" messages={[messages]}>
      <QueryClientProvider client={queries}>
        <AuthProvider gateway={gateway} apiUrl={apiUrl}>
          <FlashProvider>
            <RouterProvider router={router} />
          </FlashProvider>
        </AuthProvider>
      </QueryClientProvider>
    </I18nProvider>
  );
}
