/** The simple form of a product. */
import AttributeEditor from "@cloudscape-design/components/attribute-editor";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Checkbox from "@cloudscape-design/components/checkbox";
import ColumnLayout from "@cloudscape-design/components/column-layout";
import Container from "@cloudscape-design/components/container";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Select, { type SelectProps } from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Textarea from "@cloudscape-design/components/textarea";
import { TagRows } from "@/components/TagRows";
import { emptyColumn, emptyTable, type ColumnRow, type Pii, type ProductForm, type TableForm } from "./form";

const CLASSIFICATIONS = [
  { value: "", label: "Not classified", description: "Counts as sensitive" },
  { value: "public", label: "public" },
  { value: "internal", label: "internal" },
  { value: "confidential", label: "confidential" },
  { value: "restricted", label: "restricted" },
];
const PII: { value: Pii; label: string; description?: string }[] = [
  { value: "unknown", label: "Not said", description: "Counts as sensitive" },
  { value: "no", label: "No" },
  { value: "yes", label: "Yes" },
];
const MODES = [
  { value: "nrac", label: "By name", description: "Tables are granted one by one" },
  { value: "tbac", label: "By LF-tag", description: "Whoever holds a matching tag expression reads" },
  { value: "both", label: "By name and by LF-tag" },
];
const FORMATS = [
  { value: "parquet", label: "Parquet" },
  { value: "csv", label: "CSV with a header line" },
  { value: "json", label: "JSON" },
];

function Choice<V extends string>({
  value,
  options,
  label,
  disabled = false,
  onChange,
}: {
  value: V;
  options: readonly SelectProps.Option[];
  label?: string;
  disabled?: boolean;
  onChange: (value: V) => void;
}) {
  return (
    <Select
      selectedOption={options.find((option) => option.value === value) ?? null}
      options={options}
      disabled={disabled}
      ariaLabel={label}
      onChange={({ detail }) => onChange((detail.selectedOption.value ?? "") as V)}
    />
  );
}

interface Props {
  form: ProductForm;
  base: string;
  /** The name of a registered product stays. */
  named: boolean;
  problems: Record<string, string>;
  onChange: (form: ProductForm) => void;
}

export function ProductFields({ form, base, named, problems, onChange }: Props) {
  const change = (part: Partial<ProductForm>) => onChange({ ...form, ...part });
  const changeTable = (place: number, table: TableForm) =>
    change({ tables: form.tables.map((other, index) => (index === place ? table : other)) });
  return (
    <SpaceBetween size="l">
      <Container header={<Header variant="h2">Product</Header>}>
        <SpaceBetween size="l">
          <ColumnLayout columns={2}>
            <FormField
              label="Name"
              errorText={problems.name}
              constraintText="Lower case letters, digits and underscores."
            >
              <Input value={form.name} disabled={named} onChange={({ detail }) => change({ name: detail.value })} />
            </FormField>
            <FormField label="Shared">
              <Choice value={form.accessMode} options={MODES} onChange={(accessMode) => change({ accessMode })} />
            </FormField>
            <FormField label="Classification">
              <Choice
                value={form.classification}
                options={CLASSIFICATIONS}
                onChange={(classification) => change({ classification })}
              />
            </FormField>
            <FormField label="Holds personal data">
              <Choice value={form.pii} options={PII} onChange={(pii) => change({ pii })} />
            </FormField>
          </ColumnLayout>
          <FormField label="Description" errorText={problems.description} stretch>
            <Textarea
              rows={3}
              value={form.description}
              onChange={({ detail }) => change({ description: detail.value })}
            />
          </FormField>
          {form.accessMode !== "nrac" && (
            <FormField label="LF-tags" description="Of all its tables." errorText={problems.tags} stretch>
              <TagRows rows={form.tags} onChange={(tags) => change({ tags })} />
            </FormField>
          )}
        </SpaceBetween>
      </Container>
      {form.tables.map((table, place) => (
        <TableFields
          key={place}
          table={table}
          place={place}
          problems={problems}
          removable={form.tables.length > 1}
          onChange={(changed) => changeTable(place, changed)}
          onRemove={() => change({ tables: form.tables.filter((_, index) => index !== place) })}
        />
      ))}
      <Button
        iconName="add-plus"
        formAction="none"
        onClick={() => change({ tables: [...form.tables, emptyTable(base)] })}
      >
        Add table
      </Button>
    </SpaceBetween>
  );
}

interface TableProps {
  table: TableForm;
  place: number;
  problems: Record<string, string>;
  removable: boolean;
  onChange: (table: TableForm) => void;
  onRemove: () => void;
}

function TableFields({ table, place, problems, removable, onChange, onRemove }: TableProps) {
  const at = `tables[${place}]`;
  const name = table.name === "" ? `Table ${place + 1}` : table.name;
  const change = (part: Partial<TableForm>) => onChange({ ...table, ...part });
  const changeColumn = (row: number, part: Partial<ColumnRow>) =>
    change({ columns: table.columns.map((column, index) => (index === row ? { ...column, ...part } : column)) });
  const problemAt = (row: number, part: "name" | "type") => problems[`${at}.columns[${row}].${part}`];
  return (
    <Container
      header={
        <Header
          variant="h2"
          actions={
            removable && (
              <Button formAction="none" ariaLabel={`Remove ${name}`} onClick={onRemove}>
                Remove
              </Button>
            )
          }
        >
          {name}
        </Header>
      }
    >
      <SpaceBetween size="l">
        <ColumnLayout columns={2}>
          <FormField label="Table name" errorText={problems[`${at}.name`]}>
            <Input value={table.name} onChange={({ detail }) => change({ name: detail.value })} />
          </FormField>
          <FormField label="Format">
            <Choice value={table.format} options={FORMATS} onChange={(format) => change({ format })} />
          </FormField>
        </ColumnLayout>
        <FormField
          label="Location"
          description="The folder of its objects, below the domain's own prefix."
          errorText={problems[`${at}.location`]}
          stretch
        >
          <Input
            value={table.location}
            spellcheck={false}
            onChange={({ detail }) => change({ location: detail.value })}
          />
        </FormField>
        <FormField label="Table description" stretch>
          <Input value={table.description} onChange={({ detail }) => change({ description: detail.value })} />
        </FormField>
        <ExpandableSection
          headerText={`Columns (${table.columns.length})`}
          headerDescription="Optional: the crawler finds them. Say here which ones are personal data."
          defaultExpanded={table.columns.length > 0 && table.columns.length <= 10}
        >
          <AttributeEditor
            items={table.columns}
            empty={<Box color="text-body-secondary">No columns are declared; the crawler finds them.</Box>}
            addButtonText="Add column"
            removeButtonText="Remove"
            removeButtonAriaLabel={(column) => `Remove column ${column.name}`}
            onAddButtonClick={() => change({ columns: [...table.columns, emptyColumn()] })}
            onRemoveButtonClick={({ detail }) =>
              change({ columns: table.columns.filter((_, row) => row !== detail.itemIndex) })
            }
            definition={[
              {
                label: "Column",
                errorText: (_column, row) => problemAt(row, "name"),
                control: (column, row) => (
                  <Input
                    value={column.name}
                    ariaLabel={`Name of column ${row + 1}`}
                    onChange={({ detail }) => changeColumn(row, { name: detail.value })}
                  />
                ),
              },
              {
                label: "Type",
                errorText: (_column, row) => problemAt(row, "type"),
                control: (column, row) => (
                  <SpaceBetween size="xxs">
                    <Input
                      value={column.type}
                      placeholder="found by the crawler"
                      ariaLabel={`Type of column ${row + 1}`}
                      onChange={({ detail }) => changeColumn(row, { type: detail.value })}
                    />
                    <Checkbox
                      checked={column.partitionKey}
                      onChange={({ detail }) => changeColumn(row, { partitionKey: detail.checked })}
                    >
                      Partition key
                    </Checkbox>
                  </SpaceBetween>
                ),
              },
              {
                label: "Personal data",
                control: (column, row) => (
                  <Choice
                    value={column.pii}
                    options={PII}
                    label={`Whether column ${row + 1} is personal data`}
                    onChange={(pii) => changeColumn(row, { pii })}
                  />
                ),
              },
              {
                label: "Comment",
                control: (column, row) => (
                  <Input
                    value={column.comment}
                    disabled={column.partitionKey}
                    ariaLabel={`Comment of column ${row + 1}`}
                    onChange={({ detail }) => changeColumn(row, { comment: detail.value })}
                  />
                ),
              },
            ]}
          />
        </ExpandableSection>
      </SpaceBetween>
    </Container>
  );
}
