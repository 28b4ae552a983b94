/** Filters above a list. The address holds them, so that a link leads to just this list. */
import FormField from "@cloudscape-design/components/form-field";
import Select from "@cloudscape-design/components/select";
import { useSearchParams } from "react-router";

/** A filter that is part of the address; an empty text is none. */
export function useFilter(name: string): [string, (value: string) => void] {
  const [query, setQuery] = useSearchParams();
  const set = (value: string) =>
    setQuery(
      (before) => {
        if (value === "") before.delete(name);
        else before.set(name, value);
        return before;
      },
      { replace: true },
    );
  return [query.get(name) ?? "", set];
}

export interface Choice {
  value: string;
  label: string;
}

/** A choice of one. The first is what is meant when nothing is chosen. */
export function Filter({
  label,
  value,
  choices,
  onChange,
}: {
  label: string;
  value: string;
  choices: readonly Choice[];
  onChange: (value: string) => void;
}) {
  return (
    <FormField label={label} stretch>
      <Select
        selectedOption={choices.find((choice) => choice.value === value) ?? choices[0] ?? null}
        options={choices}
        filteringType={choices.length > 12 ? "auto" : "none"}
        filteringAriaLabel={`Filter: ${label}`}
        onChange={({ detail }) => onChange(detail.selectedOption.value ?? "")}
      />
    </FormField>
  );
}
