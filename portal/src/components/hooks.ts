import { useEffect, useState, useSyncExternalStore } from "react";
import { useSearchParams } from "react-router";

const NARROW = "(max-width: 687px)";

export function isNarrow(): boolean {
  return globalThis.matchMedia(NARROW).matches;
}

/** Whether the screen is a phone's. */
export function useNarrow(): boolean {
  return useSyncExternalStore((changed) => {
    const media = globalThis.matchMedia(NARROW);
    media.addEventListener("change", changed);
    return () => media.removeEventListener("change", changed);
  }, isNarrow);
}

/** The value as it was when it had not changed for a while. */
export function useDebounced<T>(value: T, milliseconds: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), milliseconds);
    return () => clearTimeout(timer);
  }, [value, milliseconds]);
  return settled;
}

/** The tab that is open, kept in the address (`?tab=`), so that a link leads to it. */
export function useTab(first: string): [string, (id: string) => void] {
  const [query, setQuery] = useSearchParams();
  const open = (id: string) => {
    setQuery(
      (before) => {
        if (id === first) before.delete("tab");
        else before.set("tab", id);
        return before;
      },
      { replace: true },
    );
  };
  return [query.get("tab") ?? first, open];
}
