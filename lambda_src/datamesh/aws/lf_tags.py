"""LF-tags: the keys and values that there are, what is assigned to databases, tables and columns, and who carries what.

All calls may be repeated. Names are lower case already: the models take no others.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from botocore.exceptions import ClientError

from datamesh.aws import clients
from datamesh.aws.retry import INVALID_INPUT, REVOKE_RULES, RULES, Handling, Retrier, Rule, error_of, rule_for
from datamesh.models.errors import TaggingFailed, TagInUse
from datamesh.models.tags import FoundTable, TableTags

if TYPE_CHECKING:
    from mypy_boto3_lakeformation import LakeFormationClient

T = TypeVar("T")
_Pairs = tuple[tuple[str, str], ...]

# https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_UpdateLFTag.html: 50 values, or tags, per call
MAX_PER_CALL = 50
# Nobody documents how many columns one call takes; so many keep it small.
MAX_COLUMNS = 100
MAX_FOUND = 100
MAX_LISTED = 1_000

_TAKEN = Rule(Handling.ALREADY_DONE, INVALID_INPUT | {"AlreadyExistsException"}, ("already exist",))
_TAKEN_RULES = (_TAKEN, *RULES)
_NOT_ALLOWED = Rule(Handling.FATAL, fragments=("update not allowed",))


class LfTags:
    """Gateway to the LF-tags of the own account."""

    def __init__(
        self, account_id: str, client: "LakeFormationClient | None" = None, retrier: Retrier | None = None
    ) -> None:
        self._account_id = account_id
        self._client = client or clients.lake_formation()
        self._retrier = retrier or Retrier()

    def values(self, key: str) -> frozenset[str] | None:
        """Return the values that a key may take; None when there is no such key.

        Source: https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_GetLFTag.html
        """
        try:
            found = self._retrier.run(lambda: self._client.get_lf_tag(CatalogId=self._account_id, TagKey=key))
        except self._client.exceptions.EntityNotFoundException:
            return None
        return frozenset(found["TagValues"])

    def all_values(self) -> dict[str, tuple[str, ...]]:
        """Return all keys that the own account has and may see, in order, each with its values.

        Source: https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_ListLFTags.html
        """
        found: dict[str, tuple[str, ...]] = {}
        request: dict[str, Any] = {"CatalogId": self._account_id, "MaxResults": MAX_LISTED}
        while True:
            page = self._retrier.run(partial(self._client.list_lf_tags, **request))
            found |= {tag["TagKey"]: tuple(sorted(tag["TagValues"])) for tag in page.get("LFTags", [])}
            if not page.get("NextToken"):
                return dict(sorted(found.items()))
            request["NextToken"] = page["NextToken"]

    def ensure_value(self, key: str, value: str) -> None:
        """Make a key with a value, or add the value to it."""
        self.ensure_values(key, (value,))

    def ensure_values(self, key: str, values: Iterable[str]) -> None:
        """Make a key with these values, or add those that it misses.

        Sources: https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_CreateLFTag.html,
        https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_UpdateLFTag.html
        """
        known = self.values(key)
        for batch in _batches(sorted(set(values) - (known or frozenset())), MAX_PER_CALL):
            if known is None:
                known = frozenset(batch)
                create = partial(
                    self._client.create_lf_tag, CatalogId=self._account_id, TagKey=key, TagValues=list(batch)
                )
                if self._retrier.call(create, rules=_TAKEN_RULES) is not None:
                    continue
            add = partial(
                self._client.update_lf_tag, CatalogId=self._account_id, TagKey=key, TagValuesToAdd=list(batch)
            )
            self._retrier.call(add, rules=_TAKEN_RULES)

    def remove_values(self, key: str, values: Iterable[str]) -> None:
        """Remove those of the values that a key has, and the key with its last value.

        Raises TagInUse for a value that is assigned to something: Lake Formation refuses that. It does not when the
        whole key goes; whoever asks for that has looked. Sources:
        https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_UpdateLFTag.html,
        https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_DeleteLFTag.html
        """
        known = self.values(key) or frozenset()
        gone = sorted(known & set(values))
        if gone and set(gone) == known:
            delete = partial(self._client.delete_lf_tag, CatalogId=self._account_id, TagKey=key)
            self._retrier.call(delete, rules=REVOKE_RULES)
            return
        for batch in _batches(gone, MAX_PER_CALL):
            remove = partial(
                self._client.update_lf_tag, CatalogId=self._account_id, TagKey=key, TagValuesToDelete=list(batch)
            )
            try:
                self._retrier.run(remove)
            except ClientError as error:
                if _NOT_ALLOWED.matches(*error_of(error)):
                    raise TagInUse(f"{key}: one of {', '.join(batch)} is assigned to something: {error}") from error
                raise

    def database_tags(self, database: str) -> dict[str, str]:
        """Return what is assigned to a database."""
        return _tags(self._assigned(self._database(database)).get("LFTagOnDatabase", []))

    def table_tags(self, database: str, table: str) -> TableTags:
        """Return what is assigned to a table, its database and its columns; `column_names` stays empty."""
        found = self._assigned(self._table(database, table))
        of_columns = {row["Name"]: _tags(row.get("LFTags", [])) for row in found.get("LFTagsOnColumns", [])}
        return TableTags(
            # What the database carries may come along, or not: it is not assigned to the table.
            database=_tags(found.get("LFTagOnDatabase", [])) or self.database_tags(database),
            table=_tags(found.get("LFTagsOnTable", [])),
            columns={name: tags for name, tags in of_columns.items() if tags},
        )

    def set_database_tags(self, database: str, wanted: Mapping[str, str]) -> None:
        """Make exactly these the tags that are assigned to a database. Raises TaggingFailed."""
        self._set(self._database(database), self.database_tags(database), {}, wanted)

    def set_table_tags(self, database: str, table: str, wanted: Mapping[str, str]) -> None:
        """Make exactly these the tags that are assigned to a table itself. Raises TaggingFailed."""
        now = self.table_tags(database, table)
        self._set(self._table(database, table), now.table, now.database, wanted)

    def set_column_tags(self, database: str, table: str, wanted: Mapping[str, Mapping[str, str]]) -> None:
        """Make exactly these the tags that are assigned to columns; others get none. Raises TaggingFailed."""
        now = self.table_tags(database, table)
        alike: dict[tuple[_Pairs, _Pairs], list[str]] = {}
        for name in sorted({*now.columns, *wanted}):
            change = _pairs(now.columns.get(name, {})), _pairs(wanted.get(name, {}))
            alike.setdefault(change, []).append(name)
        for (before, after), names in alike.items():
            for batch in _batches(names, MAX_COLUMNS):
                self._set(
                    self._columns(database, table, batch), dict(before), {**now.database, **now.table}, dict(after)
                )

    def search_tables(self, expression: Mapping[str, tuple[str, ...]]) -> list[FoundTable]:
        """Return all tables of which the expression shows something, whoever made them; `column_names` stays empty.

        What a search lists of a table's tags mixes assigned and inherited ones; so each table found is asked.
        Source: https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_SearchTablesByLFTags.html
        """
        names = sorted({(row["DatabaseName"], row["Name"]) for row in self._found_tables(expression)})
        found = []
        for database, name in names:
            try:
                found.append(FoundTable(database, name, self.table_tags(database, name)))
            except self._client.exceptions.EntityNotFoundException:
                # Dropped a moment ago.
                continue
        return found

    def carriers(self, key: str, value: str) -> list[str]:
        """Return databases, and as `<database>.<table>` tables, that carry a tag, or one of whose columns does.

        Source: https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_SearchDatabasesByLFTags.html
        """
        expression = {key: (value,)}
        search = partial(self._client.search_databases_by_lf_tags, **self._search(expression))
        databases = [row["Database"]["Name"] for row in self._pages(search, "DatabaseList")]
        tables = [f"{row['DatabaseName']}.{row['Name']}" for row in self._found_tables(expression)]
        return [*sorted(set(databases)), *sorted(set(tables))]

    def _found_tables(self, expression: Mapping[str, tuple[str, ...]]) -> Iterator[dict[str, Any]]:
        search = partial(self._client.search_tables_by_lf_tags, **self._search(expression))
        return (row["Table"] for row in self._pages(search, "TableList"))

    def _search(self, expression: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
        conditions = [{"TagKey": key, "TagValues": list(values)} for key, values in expression.items()]
        return {"CatalogId": self._account_id, "Expression": conditions, "MaxResults": MAX_FOUND}

    def _pages(self, search: "partial[Any]", rows: str) -> Iterator[dict[str, Any]]:
        """Walk the pages to the end: one may be empty and have a token."""
        token: str | None = None
        while True:
            page = self._retrier.run(partial(search, NextToken=token) if token else search)
            yield from cast("list[dict[str, Any]]", page.get(rows, []))
            token = page.get("NextToken")
            if not token:
                return

    def _assigned(self, resource: dict[str, Any]) -> dict[str, Any]:
        """Return what is assigned, inherited tags left out.

        Source: https://docs.aws.amazon.com/lake-formation/latest/dg/TBAC-view-resource-tags.html
        """
        ask = partial(
            self._client.get_resource_lf_tags,
            CatalogId=self._account_id,
            Resource=cast("Any", resource),
            ShowAssignedLFTags=True,
        )
        return cast("dict[str, Any]", self._retrier.run(ask))

    def _set(
        self,
        resource: dict[str, Any],
        assigned: Mapping[str, str],
        inherited: Mapping[str, str],
        wanted: Mapping[str, str],
    ) -> None:
        """Bring the tags of a resource from `assigned` to `wanted`.

        A tag that goes gives way to the inherited one, which may show more. So what counts changes in one call: first
        go tags with nothing behind them (less is shown), then the new tags come together with the inherited values,
        and at last assignments that say the same as what is inherited.
        """
        changes = {key: value for key, value in wanted.items() if assigned.get(key) != value}
        gone = {key: value for key, value in assigned.items() if key not in wanted}
        covering = {key: inherited[key] for key in gone if changes and key in inherited}
        self._change("remove_lf_tags_from_resource", resource, {k: v for k, v in gone.items() if k not in covering})
        self._change("add_lf_tags_to_resource", resource, changes | covering)
        self._change("remove_lf_tags_from_resource", resource, covering)

    def _change(self, operation: str, resource: dict[str, Any], tags: Mapping[str, str]) -> None:
        """Add or remove tags; those that failed transiently are sent again, alone.

        Sources: https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_AddLFTagsToResource.html,
        https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_RemoveLFTagsFromResource.html
        """
        for batch in _batches(sorted(tags.items()), MAX_PER_CALL):
            pending = dict(batch)
            refused: list[str] = []
            attempt, waited = 0, 0.0
            while pending:
                again: dict[str, str] = {}
                pause: tuple[Rule, str] | None = None
                for failure in self._send(operation, resource, pending):
                    key, error = failure["LFTag"]["TagKey"], failure.get("Error", {})
                    code, message = error.get("ErrorCode", "Unknown"), error.get("ErrorMessage", "")
                    rule = rule_for(code, message)
                    if rule.handling is Handling.RETRY:
                        again[key] = pending[key]
                        pause = (rule, f"{code}: {message}")
                    else:
                        refused.append(f"{key}={pending.get(key)} on {resource}: {code}: {message}")
                pending = again
                if pause is not None:
                    waited += self._retrier.pause(pause[0], attempt, waited, pause[1])
                    attempt += 1
            if refused:
                raise TaggingFailed("; ".join(refused))

    def _send(self, operation: str, resource: dict[str, Any], tags: Mapping[str, str]) -> list[dict[str, Any]]:
        pairs = [{"CatalogId": self._account_id, "TagKey": key, "TagValues": [tags[key]]} for key in sorted(tags)]
        send = partial(getattr(self._client, operation), CatalogId=self._account_id, Resource=resource, LFTags=pairs)
        try:
            answer = self._retrier.run(send)
        except ClientError as error:
            code, message = error_of(error)
            raise TaggingFailed(f"{', '.join(sorted(tags))} on {resource}: {code}: {message}") from error
        return cast("list[dict[str, Any]]", answer.get("Failures", []))

    def _database(self, name: str) -> dict[str, Any]:
        return {"Database": {"CatalogId": self._account_id, "Name": name}}

    def _table(self, database: str, name: str) -> dict[str, Any]:
        return {"Table": {"CatalogId": self._account_id, "DatabaseName": database, "Name": name}}

    def _columns(self, database: str, table: str, names: Sequence[str]) -> dict[str, Any]:
        return {
            "TableWithColumns": {
                "CatalogId": self._account_id,
                "DatabaseName": database,
                "Name": table,
                "ColumnNames": list(names),
            }
        }


class TagSearch:
    """Gateway that only looks what carries LF-tags."""

    def __init__(
        self, account_id: str, client: "LakeFormationClient | None" = None, retrier: Retrier | None = None
    ) -> None:
        self._account_id = account_id
        self._client = client or clients.lake_formation()
        self._retrier = retrier or Retrier()

    def matched_databases(self, expression: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
        """Return the databases of which an expression shows a table, or columns of one.

        Source: https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_SearchTablesByLFTags.html
        """
        conditions = [{"TagKey": key, "TagValues": list(values)} for key, values in expression.items()]
        request: dict[str, Any] = {"CatalogId": self._account_id, "Expression": conditions, "MaxResults": MAX_FOUND}
        found = set[str]()
        while True:
            page = self._retrier.run(partial(self._client.search_tables_by_lf_tags, **request))
            found.update(row["Table"]["DatabaseName"] for row in page.get("TableList", []))
            token = page.get("NextToken")
            if not token:
                return frozenset(found)
            request["NextToken"] = token


def _pairs(tags: Mapping[str, str]) -> _Pairs:
    return tuple(sorted(tags.items()))


def _tags(pairs: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    # A resource has one value per key.
    return {pair["TagKey"]: pair["TagValues"][0] for pair in pairs if pair.get("TagValues")}


def _batches(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]
