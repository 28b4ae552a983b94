/**
 * A text area with line numbers for a manifest. Plain on purpose: editors that colour code bring style tags, which the
 * content security policy forbids.
 */
import FormField from "@cloudscape-design/components/form-field";
import { useEffect, useImperativeHandle, useRef, type Ref } from "react";
import type { ManifestProblem } from "@/api/types";
import { rangeOfLine } from "./plan";

export interface ManifestEditorRef {
  goTo: (line: number, column: number) => void;
}

interface Props {
  value: string;
  problems: readonly ManifestProblem[];
  onChange: (value: string) => void;
  ref?: Ref<ManifestEditorRef>;
}

export function ManifestEditor({ value, problems, onChange, ref }: Props) {
  const area = useRef<HTMLTextAreaElement>(null);
  const gutter = useRef<HTMLDivElement>(null);
  useImperativeHandle(ref, () => ({
    goTo: (line, column) => {
      const element = area.current;
      if (element === null) return;
      const [start, end] = rangeOfLine(element.value, line);
      element.focus();
      element.setSelectionRange(Math.min(start + column - 1, end), end);
      element.scrollTop = Math.max(0, (line - 4) * 20);
    },
  }));
  const follow = () => {
    if (gutter.current !== null && area.current !== null) gutter.current.scrollTop = area.current.scrollTop;
  };
  useEffect(follow);
  const marks = new Map<number, string>();
  for (const { line, severity } of problems) {
    if (line != null && marks.get(line) !== "error") marks.set(line, severity);
  }
  const lines = value.split("\n").length;
  return (
    <FormField
      label="Manifest"
      description="An Open Data Contract Standard v3 document in YAML. It is checked while you write."
      controlId="manifest"
      stretch
    >
      <div className="manifest">
        <div className="manifest-lines" ref={gutter} aria-hidden="true">
          {Array.from({ length: lines }, (_, place) => (
            <div key={place} className={marks.get(place + 1)}>
              {place + 1}
            </div>
          ))}
        </div>
        <textarea
          id="manifest"
          ref={area}
          value={value}
          wrap="off"
          spellCheck={false}
          autoCapitalize="off"
          autoComplete="off"
          aria-label="Manifest"
          aria-invalid={[...marks.values()].includes("error")}
          onScroll={follow}
          onChange={(event) => onChange(event.target.value)}
        />
      </div>
    </FormField>
  );
}
