/** What happened one after the other: a list with a dot for each, good, bad or under way. */
import Box from "@cloudscape-design/components/box";
import type { ReactNode } from "react";
import { Time } from "./format";
import "./timeline.css";

export interface Happening {
  key: string;
  /** Coloured; the words say the same. */
  tone: "success" | "error" | "in-progress" | "plain";
  title: ReactNode;
  at: string;
  /** A line below the title: who, where, how long. */
  about?: ReactNode;
  body?: ReactNode;
}

export function Timeline({ label, items }: { label: string; items: readonly Happening[] }) {
  return (
    // `list-style: none` takes the role away from lists in WebKit.
    // eslint-disable-next-line jsx-a11y/no-redundant-roles
    <ol className="timeline" aria-label={label} role="list">
      {items.map(({ key, tone, title, at, about, body }) => (
        <li key={key} className={tone}>
          <Box variant="strong">{title}</Box>{" "}
          <Box variant="small" display="inline">
            <Time at={at} exact />
          </Box>
          {about !== undefined && (
            <Box variant="small" display="block">
              {about}
            </Box>
          )}
          {body !== undefined && body !== null && <div className="written">{body}</div>}
        </li>
      ))}
    </ol>
  );
}
