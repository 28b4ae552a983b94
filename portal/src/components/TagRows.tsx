import AttributeEditor from "@cloudscape-design/components/attribute-editor";
import Input from "@cloudscape-design/components/input";
import type { TagRow } from "@/pages/domains/model";

/** Keys and values of LF-tags, a row each. */
export function TagRows({ rows, onChange }: { rows: readonly TagRow[]; onChange: (rows: TagRow[]) => void }) {
  const change = (place: number, part: Partial<TagRow>) =>
    onChange(rows.map((row, other) => (other === place ? { ...row, ...part } : row)));
  return (
    <AttributeEditor
      items={rows}
      empty="No tags."
      addButtonText="Add tag"
      removeButtonText="Remove"
      removeButtonAriaLabel={({ key }) => `Remove tag ${key}`}
      onAddButtonClick={() => onChange([...rows, { key: "", value: "" }])}
      onRemoveButtonClick={({ detail }) => onChange(rows.filter((_, place) => place !== detail.itemIndex))}
      definition={[
        {
          label: "Key",
          control: ({ key }, place) => (
            <Input
              value={key}
              ariaLabel={`Key of tag ${place + 1}`}
              onChange={({ detail }) => change(place, { key: detail.value })}
            />
          ),
        },
        {
          label: "Value",
          control: ({ value }, place) => (
            <Input
              value={value}
              ariaLabel={`Value of tag ${place + 1}`}
              onChange={({ detail }) => change(place, { value: detail.value })}
            />
          ),
        },
      ]}
    />
  );
}
