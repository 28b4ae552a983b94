import CopyToClipboard from "@cloudscape-design/components/copy-to-clipboard";

/** Text to be copied whole. Scrolls by keyboard, too. */
export function CodeBlock({ code, label }: { code: string; label: string }) {
  return (
    <div className="code-block">
      {/* A region that scrolls must be reachable by keyboard. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <pre className="code" tabIndex={0} aria-label={label} role="region">
        <code>{code}</code>
      </pre>
      <div className="code-copy">
        <CopyToClipboard
          variant="icon"
          copyButtonAriaLabel={`Copy ${label}`}
          copySuccessText="Copied"
          copyErrorText="Could not copy"
          textToCopy={code}
        />
      </div>
    </div>
  );
}
