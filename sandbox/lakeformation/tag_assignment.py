"""Which LF-tags databases, tables and columns carry: put on, taken off, shown.

https://docs.aws.amazon.com/lake-formation/latest/dg/TBAC-assigning-tags.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.api import AwsError
from sandbox.lakeformation import catalog, effective, errors, resources, tag_ops, tags, windows
from sandbox.lakeformation.resources import EVERY, Kind, Resource
from sandbox.lakeformation.store import lock, store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sandbox.api import Call, Caller

MAX_PER_RESOURCE = 50
_ON_DATABASES = ("DESCRIBE", "CREATE_TABLE", "ALTER", "DROP")
_ON_FOREIGN_DATABASES = ("DESCRIBE", "CREATE_TABLE", "ALTER")
_ON_TABLES = ("DESCRIBE", "ALTER", "DROP", "INSERT", "SELECT", "DELETE")


def add(call: Call) -> dict[str, Any]:
    """AddLFTagsToResource: a success whatever became of the single tags; those that failed are listed.

    https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_AddLFTagsToResource.html

    Raises:
        AwsError: as `_change`.
    """
    return _change(call, _assign)


def remove(call: Call) -> dict[str, Any]:
    """RemoveLFTagsFromResource: as AddLFTagsToResource; what is inherited cannot be removed here.

    https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_RemoveLFTagsFromResource.html

    Raises:
        AwsError: as `_change`.
    """
    return _change(call, _take_off)


def show(call: Call) -> dict[str, Any]:
    """GetResourceLFTags: of what the caller sees, the tags that it sees.

    https://docs.aws.amazon.com/lake-formation/latest/dg/TBAC-view-resource-tags.html: with ShowAssignedLFTags what is
    assigned to the table and to its columns, without it what they inherit, too.

    Raises:
        AwsError: InvalidInputException, EntityNotFoundException or AccessDeniedException, as for `_change`.
    """
    caller = call.caller
    target = _target(call.params["Resource"], call.params.get("CatalogId") or caller.account)
    with lock:
        if target.catalog != caller.account and not effective.caller_sees(caller, target):
            raise errors.not_authorized()
        found = catalog.find(target)
        if not effective.caller_sees(caller, target):
            raise errors.not_authorized()
        catalog.check_columns(target, found)
        return tags_of(caller, target, assigned=bool(call.params.get("ShowAssignedLFTags")))


def tags_of(caller: Caller, target: Resource, *, assigned: bool = False) -> dict[str, Any]:
    """What a database, table or columns carry, as far as the caller may see it; nothing where there is nothing."""
    owner, database, table = target.catalog, target.database, target.table

    def seen(*names: str) -> list[dict[str, Any]]:
        place = (resources.database, resources.table, resources.column)[len(names) - 1](owner, *names)
        found = tags.assigned(place) if assigned else tags.effective(owner, *names)
        visible = {key: value for key, value in found.items() if tag_ops.visible(caller, owner, key, value)}
        return tag_ops.pairs(owner, visible)

    if target.kind is Kind.DATABASE:
        return _without_empty({"LFTagOnDatabase": seen(database)})
    names = target.columns or visible_columns(caller, target.entity)
    of_columns = [
        {"Name": name, "LFTags": seen(database, table, name)} for name in names if name not in target.excluded
    ]
    return _without_empty(
        {
            "LFTagOnDatabase": [] if assigned else seen(database),
            "LFTagsOnTable": [] if assigned and target.columns else seen(database, table),
            "LFTagsOnColumns": [row for row in of_columns if row["LFTags"]],
        }
    )


def visible_columns(caller: Caller, table: Resource) -> list[str]:
    """The columns of a table that GetTable shows: what SELECT covers, all to whoever holds something on the table."""
    names = sorted(catalog.column_names(table))
    readable = effective.readable(caller, table, names)
    whole = ("ALTER", "DROP", "INSERT", "DELETE")
    if not readable or effective.is_admin(caller) or any(effective.allows(caller, each, table) for each in whole):
        return names
    return [name for name in names if name in readable]


def _without_empty(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if value}


def _change(call: Call, change: Callable[[Iterable[Resource], str, str], None]) -> dict[str, Any]:
    """Assign or take off, tag by tag.

    Raises:
        AwsError: InvalidInputException for lists that are wrong as a whole and for what cannot be tagged,
            AccessDeniedException for a resource that the caller may not tag, EntityNotFoundException for one that is
            not there, ConcurrentModificationException.
    """
    params, caller = call.params, call.caller
    default = params.get("CatalogId") or caller.account
    target = _target(params["Resource"], default)
    if target.kind is Kind.COLUMNS and not target.columns:
        # https://docs.aws.amazon.com/lake-formation/latest/dg/lf-tag-considerations.html: wildcards are not used.
        raise errors.invalid("Wildcards are not supported. Assign the LF-Tag to the table.")
    _check_list(params["LFTags"])
    wanted = [_pair(given, default) for given in params["LFTags"]]
    with windows.changing(target.catalog, f"{target.entity.arn(call.region)}/lf-tags"), lock:
        _check_caller(caller, target)
        found = catalog.find(target)
        catalog.check_glue_iam(caller, call.region, resources.database(target.catalog, target.database))
        catalog.check_columns(target, found)
        failures = []
        for owner, key, value in wanted:
            try:
                _check_tag(caller, target, owner, key, value)
                change(_places(target), key, value)
            except AwsError as refused:
                failures.append(
                    {
                        "LFTag": {"CatalogId": owner, "TagKey": key, "TagValues": [value]},
                        "Error": {"ErrorCode": refused.code, "ErrorMessage": refused.message},
                    }
                )
    return {"Failures": failures}


def _target(given: dict[str, Any], default: str) -> Resource:
    target = resources.parse(given, default)
    if target.kind not in (Kind.DATABASE, Kind.TABLE, Kind.COLUMNS) or target.table == resources.ALL_TABLES:
        raise errors.invalid("LF-Tags can be assigned to a database, a table or columns of a table only.")
    return target


def _pair(given: dict[str, Any], default: str) -> tuple[str, str, str]:
    return given.get("CatalogId") or default, given["TagKey"].lower(), given["TagValues"][0].lower()


def _check_list(given: list[dict[str, Any]]) -> None:
    """In AWS's words: https://github.com/hashicorp/terraform-provider-aws/issues/32172."""
    keys = [pair["TagKey"].lower() for pair in given]
    if len(set(keys)) < len(keys):
        raise errors.invalid("Provided list of tags contains duplicate tag key")
    if any(len(pair["TagValues"]) != 1 or EVERY in pair["TagValues"] for pair in given):
        raise errors.invalid("Tag value wild card was found or input tag value list has size not equal to 1")


def _check_caller(caller: Caller, target: Resource) -> None:
    """Who may tag a resource: its creator, whoever may grant all on it, and the account's administrators.

    https://docs.aws.amazon.com/lake-formation/latest/dg/TBAC-assigning-tags.html#manage-tags-reqs
    """
    own = target.catalog == caller.account
    admin = effective.is_admin(caller)
    if own and admin:
        return
    needed: Iterable[str] = _ON_TABLES
    if target.kind is Kind.DATABASE:
        needed = _ON_DATABASES if own else _ON_FOREIGN_DATABASES
    if own and catalog.is_link(_found_if_there(target)):
        needed = resources.ON_LINKS

    def holds(permission: str) -> bool:
        if effective.allows(caller, permission, target.entity, grant_option=True):
            return True
        # What an account received with the grant option its administrator may pass on, itself included.
        return admin and effective.account_allows(caller.account, permission, target.entity, grant_option=True)

    if not all(holds(permission) for permission in needed):
        raise errors.not_authorized()


def _found_if_there(target: Resource) -> dict[str, Any] | None:
    try:
        return catalog.find(target.entity)
    except AwsError:
        return None


def _check_tag(caller: Caller, target: Resource, owner: str, key: str, value: str) -> None:
    """The tag must be there, of the resource's account, and the caller's to associate.

    https://docs.aws.amazon.com/lake-formation/latest/dg/lf-tag-considerations.html: resources "can only be tagged using
    LF-Tags created in the same account".
    """
    if owner != target.catalog:
        raise errors.invalid(f"An LF-Tag of account {owner} cannot be assigned to a resource of {target.catalog}.")
    wanted = resources.lf_tag(owner, key, value)
    known = value in store.account(owner).lf_tags.get(key, ())
    if owner != caller.account and not tag_ops.visible(caller, owner, key, value):
        known = False
    if not known:
        raise errors.unknown_tag()
    if not effective.allows(caller, "ASSOCIATE", wanted):
        raise errors.insufficient("ASSOCIATE", key)


def _places(target: Resource) -> list[Resource]:
    if target.kind is not Kind.COLUMNS:
        return [target]
    return [resources.column(target.catalog, target.database, target.table, name) for name in target.columns]


def _assign(places: Iterable[Resource], key: str, value: str) -> None:
    for place in places:
        standing = tags.assigned(place)
        if key not in standing and len(standing) >= MAX_PER_RESOURCE:
            raise errors.invalid(f"The number of LF-Tags of a resource exceeds {MAX_PER_RESOURCE}.")
    for place in places:
        tags.assign(place, key, value)


def _take_off(places: Iterable[Resource], key: str, value: str) -> None:
    if any(tags.assigned(place).get(key) != value for place in places):
        raise errors.unknown_tag()
    for place in places:
        tags.remove(place, key)
