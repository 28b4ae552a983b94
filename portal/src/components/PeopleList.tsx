import type { Person } from "@/api/types";

/** Names with their addresses. */
export function PeopleList({ people }: { people: readonly Person[] | undefined }) {
  if (people === undefined || people.length === 0) return <>–</>;
  return (
    <ul className="plain">
      {people.map(({ email, name }) => (
        <li key={email}>{name == null ? email : `${name} (${email})`}</li>
      ))}
    </ul>
  );
}
