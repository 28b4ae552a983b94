/** Messages at the top of the page: what was done, and what went wrong apart from any field. */
import type { FlashbarProps } from "@cloudscape-design/components/flashbar";
import { createContext, useCallback, useContext, useMemo, useState, type ReactNode } from "react";
import { asProblem } from "@/api/problem";

interface Flash {
  items: readonly FlashbarProps.MessageDefinition[];
  show: (message: { type: FlashbarProps.Type; header?: ReactNode; content: ReactNode; id?: string }) => void;
  problem: (error: unknown, header?: string) => void;
  clear: () => void;
}

const FlashContext = createContext<Flash | null>(null);

export function FlashProvider({ children }: { children: ReactNode }) {
  const [items, setItems] = useState<readonly FlashbarProps.MessageDefinition[]>([]);
  const show = useCallback<Flash["show"]>(({ type, header, content, id = crypto.randomUUID() }) => {
    const dismiss = () => setItems((all) => all.filter((item) => item.id !== id));
    const message = { id, type, header, content, dismissible: true, dismissLabel: "Close", onDismiss: dismiss };
    setItems((all) => [message, ...all.filter((item) => item.id !== id)].slice(0, 5));
  }, []);
  const problem = useCallback<Flash["problem"]>(
    (error, header) => {
      const { title, detail, code } = asProblem(error);
      show({ type: "error", header: header ?? title, content: `${detail} (${code})`, id: `problem-${code}` });
    },
    [show],
  );
  const clear = useCallback(() => setItems([]), []);
  const flash = useMemo(() => ({ items, show, problem, clear }), [items, show, problem, clear]);
  return <FlashContext value={flash}>{children}</FlashContext>;
}

export function useFlash(): Flash {
  const flash = useContext(FlashContext);
  if (flash === null) throw new Error("useFlash outside of FlashProvider");
  return flash;
}
