import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import { useState, type SyntheticEvent } from "react";
import { useNavigate } from "react-router";
import { paths } from "@/app/paths";

/** The text that is searched for; leads to the results. Elsewhere than on the results' page filters are not kept. */
export function SearchBox({ text: start, onSearch }: { text: string; onSearch?: (text: string) => void }) {
  const navigate = useNavigate();
  const [text, setText] = useState(start);
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    const wanted = text.trim().slice(0, 256);
    if (onSearch !== undefined) onSearch(wanted);
    else
      void navigate(wanted === "" ? paths.search : `${paths.search}?${new URLSearchParams({ q: wanted }).toString()}`);
  };
  return (
    <form role="search" onSubmit={submit} className="search-box">
      <FormField stretch label="Products, tables, columns, descriptions">
        <Input
          type="search"
          value={text}
          placeholder="e.g. orders, customer_email, parcels"
          onChange={({ detail }) => {
            setText(detail.value);
            // Emptied by its own button or by hand: that is an answer, too.
            if (detail.value === "") onSearch?.("");
          }}
        />
      </FormField>
      <Button variant="primary" formAction="submit" iconName="search">
        Search
      </Button>
    </form>
  );
}
