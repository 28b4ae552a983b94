/** Light and dark. Without a choice of the person the system's is followed. */
import { applyMode, Mode } from "@cloudscape-design/global-styles";
import { useCallback, useSyncExternalStore } from "react";

const KEY = "datamesh.mode";
const listeners = new Set<() => void>();
const system = () => globalThis.matchMedia("(prefers-color-scheme: dark)");

export function isDark(): boolean {
  try {
    const chosen = localStorage.getItem(KEY);
    if (chosen !== null) return chosen === "dark";
  } catch {
    // Storage may be forbidden; then the system decides.
  }
  return system().matches;
}

function apply() {
  applyMode(isDark() ? Mode.Dark : Mode.Light);
  for (const listener of listeners) listener();
}

/** Before the first render, so that nothing flashes. */
export function startTheme() {
  apply();
  system().addEventListener("change", apply);
}

export function useDarkMode(): { dark: boolean; toggle: () => void } {
  const dark = useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, isDark);
  const toggle = useCallback(() => {
    try {
      localStorage.setItem(KEY, isDark() ? "light" : "dark");
    } catch {
      return;
    }
    apply();
  }, []);
  return { dark, toggle };
}
