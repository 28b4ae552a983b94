import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Checkbox from "@cloudscape-design/components/checkbox";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Multiselect from "@cloudscape-design/components/multiselect";
import RadioGroup from "@cloudscape-design/components/radio-group";
import SpaceBetween from "@cloudscape-design/components/space-between";
import type { ColumnView, TableView } from "@/api/types";
import { PiiBadge, plural } from "@/components/format";
import { untouched, type Problems, type TableChoice } from "./model";

interface Props {
  tables: readonly TableView[];
  choices: Record<string, TableChoice>;
  problems: Problems;
  onChange: (choices: Record<string, TableChoice>) => void;
}

/** Which tables, and of each which columns and rows. */
export function TableChoices({ tables, choices, problems, onChange }: Props) {
  const change = (name: string, part: Partial<TableChoice>) =>
    onChange({ ...choices, [name]: { ...(choices[name] ?? untouched), ...part } });
  return (
    <FormField label="Tables" errorText={problems.tables} stretch>
      <ul className="rows" aria-label="Tables">
        {tables.map((table) => (
          <li key={table.name}>
            <OneTable
              table={table}
              choice={choices[table.name] ?? untouched}
              problems={problems}
              onChange={(part) => change(table.name, part)}
            />
          </li>
        ))}
      </ul>
    </FormField>
  );
}

/** Lake Formation filters whole columns, no fields inside them. */
const wholeColumns = (columns: readonly ColumnView[] | undefined) =>
  (columns ?? []).filter(({ name }) => !name.includes("."));

function OneTable({
  table,
  choice,
  problems,
  onChange,
}: {
  table: TableView;
  choice: TableChoice;
  problems: Problems;
  onChange: (part: Partial<TableChoice>) => void;
}) {
  const { name, description, column_count, sensitive } = table;
  const columns = wholeColumns(table.columns);
  const options = columns.map((column) => ({
    value: column.name,
    label: column.name,
    description: [column.type, column.comment].filter((part) => part != null).join(" · "),
    ...(column.pii === false ? {} : { labelTag: column.pii === true ? "PII" : "PII unknown" }),
  }));
  return (
    <SpaceBetween size="s">
      <Checkbox
        checked={choice.chosen}
        description={`${description ?? ""} ${plural(column_count, "column")}${sensitive ? ", sensitive" : ""}`.trim()}
        onChange={({ detail }) => onChange({ chosen: detail.checked })}
      >
        {name}
      </Checkbox>
      {choice.chosen && (
        <div className="indented">
          <SpaceBetween size="m">
            <FormField label={`Columns of ${name}`} errorText={problems[`columns.${name}`]} stretch>
              <RadioGroup
                value={choice.columns === null ? "all" : "some"}
                ariaLabel={`Columns of ${name}`}
                items={[
                  { value: "all", label: "All that it has now" },
                  { value: "some", label: "These only", disabled: columns.length === 0 },
                ]}
                onChange={({ detail }) =>
                  onChange({
                    columns:
                      detail.value === "all"
                        ? null
                        : columns.filter(({ pii }) => pii === false).map((column) => column.name),
                  })
                }
              />
            </FormField>
            {choice.columns !== null && (
              <SpaceBetween size="xs">
                <Multiselect
                  selectedOptions={options.filter(({ value }) => choice.columns?.includes(value))}
                  options={options}
                  filteringType="auto"
                  tokenLimit={8}
                  placeholder="Choose columns"
                  ariaLabel={`Columns of ${name}`}
                  deselectAriaLabel={({ label }) => `Remove ${label ?? ""}`}
                  onChange={({ detail }) =>
                    onChange({ columns: detail.selectedOptions.map(({ value }) => value ?? "") })
                  }
                />
                <SpaceBetween direction="horizontal" size="xs" alignItems="center">
                  <Button
                    variant="inline-link"
                    formAction="none"
                    onClick={() =>
                      onChange({ columns: columns.filter(({ pii }) => pii === false).map((column) => column.name) })
                    }
                  >
                    Only columns without personal data
                  </Button>
                  {columns
                    .filter((column) => choice.columns?.includes(column.name) === true && column.pii !== false)
                    .map((column) => (
                      <Box key={column.name} variant="small" display="inline">
                        {column.name} <PiiBadge pii={column.pii} />
                      </Box>
                    ))}
                </SpaceBetween>
              </SpaceBetween>
            )}
            <FormField
              label={`Rows of ${name} (optional)`}
              description="A condition on columns, as after WHERE. Empty: all rows."
              errorText={problems[`rows.${name}`]}
              stretch
            >
              <Input
                value={choice.rows}
                spellcheck={false}
                placeholder="country = 'DE' AND total > 10"
                onChange={({ detail }) => onChange({ rows: detail.value })}
              />
            </FormField>
          </SpaceBetween>
        </div>
      )}
    </SpaceBetween>
  );
}
