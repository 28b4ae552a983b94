import CopyToClipboard from "@cloudscape-design/components/copy-to-clipboard";

/** A name to be copied, e.g. an ARN. Breaks where it must. */
export function Copyable({ text, label }: { text: string; label: string }) {
  return (
    <span className="copyable">
      <CopyToClipboard
        variant="inline"
        textToCopy={text}
        copyButtonAriaLabel={`Copy ${label}`}
        copySuccessText="Copied"
        copyErrorText="Could not copy"
      />
    </span>
  );
}
