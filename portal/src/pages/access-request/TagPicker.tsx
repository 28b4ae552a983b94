import AttributeEditor from "@cloudscape-design/components/attribute-editor";
import FormField from "@cloudscape-design/components/form-field";
import Multiselect from "@cloudscape-design/components/multiselect";
import Select from "@cloudscape-design/components/select";
import type { LfTag } from "@/api/types";
import type { TagCondition } from "./model";

/** An LF-tag expression: a table must have every key, with one of its values. */
export function TagPicker({
  tags,
  expression,
  problem,
  onChange,
}: {
  tags: readonly LfTag[];
  expression: readonly TagCondition[];
  problem: string | undefined;
  onChange: (expression: TagCondition[]) => void;
}) {
  const change = (place: number, part: Partial<TagCondition>) =>
    onChange(expression.map((condition, other) => (other === place ? { ...condition, ...part } : condition)));
  const used = expression.map(({ key }) => key);
  return (
    <FormField
      label="LF-tags"
      description="You would read every table that carries all of these keys, each with one of the values, and also those that come later."
      errorText={problem}
      stretch
    >
      <AttributeEditor
        items={expression}
        empty="No LF-tag is chosen."
        addButtonText="Add LF-tag"
        removeButtonText="Remove"
        removeButtonAriaLabel={({ key }) => `Remove ${key}`}
        disableAddButton={expression.length >= tags.length}
        onAddButtonClick={() => onChange([...expression, { key: "", values: [] }])}
        onRemoveButtonClick={({ detail }) => onChange(expression.filter((_, place) => place !== detail.itemIndex))}
        definition={[
          {
            label: "Key",
            control: ({ key }, place) => (
              <Select
                selectedOption={key === "" ? null : { value: key, label: key }}
                options={tags
                  .filter((tag) => tag.key === key || !used.includes(tag.key))
                  .map((tag) => ({ value: tag.key, label: tag.key }))}
                placeholder="Choose a key"
                ariaLabel={`Key of LF-tag ${place + 1}`}
                onChange={({ detail }) => change(place, { key: detail.selectedOption.value ?? "", values: [] })}
              />
            ),
          },
          {
            label: "Any of these values",
            control: ({ key, values }, place) => (
              <Multiselect
                selectedOptions={values.map((value) => ({ value, label: value }))}
                options={(tags.find((tag) => tag.key === key)?.values ?? []).map((value) => ({ value, label: value }))}
                disabled={key === ""}
                filteringType="auto"
                placeholder="Choose values"
                ariaLabel={`Values of LF-tag ${place + 1}`}
                deselectAriaLabel={({ label }) => `Remove ${label ?? ""}`}
                onChange={({ detail }) =>
                  change(place, { values: detail.selectedOptions.map(({ value }) => value ?? "") })
                }
              />
            ),
          },
        ]}
      />
    </FormField>
  );
}
