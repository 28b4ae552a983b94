/** Cloudscape's links and buttons with `href`, followed inside the portal without a reload. */
import { useCallback } from "react";
import { useNavigate } from "react-router";

interface Follow {
  preventDefault: () => void;
  detail: { href?: string; external?: boolean };
}

export function useFollow(): (event: Follow) => void {
  const navigate = useNavigate();
  return useCallback(
    (event) => {
      const { href, external } = event.detail;
      if (href === undefined || external === true || !href.startsWith("/") || href.startsWith("//")) return;
      event.preventDefault();
      void navigate(href);
    },
    [navigate],
  );
}
