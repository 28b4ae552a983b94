"""LF-tags themselves: keys with the values that they may take.

https://docs.aws.amazon.com/lake-formation/latest/dg/managing-tags.html. Keys and values are lower case whatever was
given. Where a docstring says that a text is this project's, AWS documents the refusal and publishes no text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox import clock
from sandbox.lakeformation import effective, errors, listing, resources, tag_policies, tags, windows
from sandbox.lakeformation.resources import EVERY
from sandbox.lakeformation.settings_ops import own_catalog
from sandbox.lakeformation.store import lock, store

if TYPE_CHECKING:
    from sandbox.api import Call, Caller
    from sandbox.lakeformation.resources import Resource

MAX_TAGS = 1000
MAX_VALUES = 1000
MAX_LENGTH = 50
"""Of keys and values; the API's model has 128 and 256, the guide does not.

https://docs.aws.amazon.com/lake-formation/latest/dg/lf-tag-considerations.html, for all three."""


def create(call: Call) -> dict[str, Any]:
    """CreateLFTag: whoever creates a tag may do anything with it and grant it.

    https://docs.aws.amazon.com/lake-formation/latest/dg/TBAC-creating-tags.html and TBAC-adding-tag-creator.html

    Raises:
        AwsError: AccessDeniedException without CREATE_LF_TAG; InvalidInputException for a key that is there already and
            for what is too long (texts: this project's); ResourceNumberLimitExceededException.
    """
    account, caller = own_catalog(call), call.caller
    key, values = call.params["TagKey"].lower(), _lower(call.params["TagValues"])
    with windows.changing(account, _window(key)), lock:
        if not effective.allows(caller, "CREATE_LF_TAG", resources.catalog(account)):
            raise errors.insufficient("CREATE_LF_TAG", "Catalog")
        _check_names(key, *values)
        known = store.account(account).lf_tags
        if key in known:
            raise errors.invalid("Tag key already exists.")
        if len(known) >= MAX_TAGS:
            raise errors.too_many(f"The number of LF-Tags exceeds {MAX_TAGS}.")
        known[key] = values
        give_creator(caller, resources.lf_tag(account, key, EVERY))
    return {}


def get(call: Call) -> dict[str, Any]:
    """GetLFTag: with those of its values on which the caller holds anything.

    https://docs.aws.amazon.com/lake-formation/latest/dg/TBAC-listing-tags.html

    Raises:
        AwsError: EntityNotFoundException; AccessDeniedException without any permission on the tag.
    """
    account, key = call.params.get("CatalogId") or call.caller.account, call.params["TagKey"].lower()
    with lock:
        values = visible_values(call.caller, account, key)
        if not values and account != call.caller.account:
            raise errors.not_authorized()
        if key not in store.account(account).lf_tags:
            raise errors.unknown_tag()
        if not values:
            raise errors.insufficient("DESCRIBE", key)
    return _pair(account, key, values)


def list_all(call: Call) -> dict[str, Any]:
    """ListLFTags: what the caller may see; what other accounts shared only where asked for, and on pages of its own.

    https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_ListLFTags.html and
    https://docs.aws.amazon.com/lake-formation/latest/dg/TBAC-listing-tags.html
    """
    params, caller = call.params, call.caller
    shared = params.get("ResourceShareType")
    with lock:
        others = sorted(name for name, _ in store.accounts() if shared and name != caller.account)
        account = caller.account if shared else params.get("CatalogId") or caller.account
        own = [] if shared == "FOREIGN" else _visible_tags(caller, account)
        foreign = [pair for name in others for pair in _visible_tags(caller, name)]
    some, more = listing.page([*own, *foreign], params, apart=len(own))
    return {"LFTags": some} | more


def update(call: Call) -> dict[str, Any]:
    """UpdateLFTag: values come and go; at least one stays.

    https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_UpdateLFTag.html: "If any value in the delete key
    values is attached to a resource, then API errors out with a 400 Exception - "Update not allowed""; the guide
    (TBAC-updating-tags) knows no such check. Grants on a value that goes stay listed and count for nothing.

    Raises:
        AwsError: EntityNotFoundException; AccessDeniedException without ALTER on the tag; InvalidInputException for a
            value in use, a value to add that is there, the last values, and too many (texts: this project's).
    """
    account, key = own_catalog(call), call.params["TagKey"].lower()
    added = _lower(call.params.get("TagValuesToAdd") or [])
    removed = _lower(call.params.get("TagValuesToDelete") or [])
    with windows.changing(account, _window(key)), lock:
        known = store.account(account).lf_tags
        if key not in known:
            raise errors.unknown_tag()
        if not effective.allows(call.caller, "ALTER", resources.lf_tag(account, key, EVERY)):
            raise errors.insufficient("ALTER", key)
        if not added and not removed:
            raise errors.invalid("TagValuesToAdd and TagValuesToDelete must not both be empty.")
        _check_names(key, *added)
        _check_removal(account, key, removed)
        if twice := sorted(set(added) & {*known[key], *removed}):
            raise errors.invalid(f"Tag values already exist: [{', '.join(twice)}]")
        left = [value for value in known[key] if value not in removed] + added
        if not left:
            raise errors.invalid("An LF-Tag must have at least one value.")
        if len(left) > MAX_VALUES:
            raise errors.invalid(f"The number of values of an LF-Tag exceeds {MAX_VALUES}.")
        known[key] = left
    return {}


def delete(call: Call) -> dict[str, Any]:
    """DeleteLFTag: nobody asks whether it is in use; it is gone from all that carried it, and from grants.

    https://docs.aws.amazon.com/lake-formation/latest/dg/TBAC-deleting-tags.html

    Raises:
        AwsError: EntityNotFoundException; AccessDeniedException without DROP on the tag.
    """
    account, key = own_catalog(call), call.params["TagKey"].lower()
    with windows.changing(account, _window(key)), lock:
        known = store.account(account).lf_tags
        if key not in known:
            raise errors.unknown_tag()
        if not effective.allows(call.caller, "DROP", resources.lf_tag(account, key, EVERY)):
            raise errors.insufficient("DROP", key)
        del known[key]
        tags.forget_key(account, key)
        tag_policies.tag_deleted(account, key)
    return {}


def visible_values(caller: Caller, account: str, key: str) -> list[str]:
    """The values of a tag on which the caller holds anything: each permission on a value implies DESCRIBE.

    https://docs.aws.amazon.com/lake-formation/latest/dg/TBAC-adding-tag-creator.html
    """
    values = list(store.account(account).lf_tags.get(key, ()))
    if visible(caller, account, key, EVERY):
        return values
    return [value for value in values if visible(caller, account, key, value)]


def visible(caller: Caller, account: str, key: str, value: str) -> bool:
    """Whether the caller holds anything on a value of a tag, or on all of them."""
    return effective.allows(caller, "DESCRIBE", resources.lf_tag(account, key, value))


def give_creator(caller: Caller, made: Resource) -> None:
    """Whoever makes a tag or an expression holds everything on it, with the grant option."""
    own = store.account(made.catalog).obtain(caller.principal_arn, made)
    own.permissions |= resources.valid(made)
    own.grantable |= resources.valid(made)
    own.updated, own.updated_by = clock.now(), caller.arn


def pairs(account: str, found: dict[str, str]) -> list[dict[str, Any]]:
    """What something carries, in the API's shape."""
    return [_pair(account, key, [value]) for key, value in sorted(found.items())]


def _visible_tags(caller: Caller, account: str) -> list[dict[str, Any]]:
    found = {key: visible_values(caller, account, key) for key in sorted(store.account(account).lf_tags)}
    return [_pair(account, key, values) for key, values in found.items() if values]


def _pair(account: str, key: str, values: list[str]) -> dict[str, Any]:
    return {"CatalogId": account, "TagKey": key, "TagValues": values}


def _lower(values: list[str]) -> list[str]:
    """In the order given, once each: what differs in case only is the same."""
    return list(dict.fromkeys(value.lower() for value in values))


def _check_names(*names: str) -> None:
    for name in names:
        if name == EVERY:
            raise errors.invalid("A wild card is not a value of an LF-Tag.")
        if len(name) > MAX_LENGTH:
            raise errors.invalid(f"LF-Tag keys and values can't exceed {MAX_LENGTH} characters in length: {name}")


def _check_removal(account: str, key: str, values: list[str]) -> None:
    if set(values) - set(store.account(account).lf_tags[key]):
        raise errors.unknown_tag()
    if used := [value for value in values if tags.carried(account, key, value)]:
        raise errors.invalid(f"Update not allowed. Tag values are attached to resources: [{', '.join(used)}]")


def _window(key: str) -> str:
    return f"lf-tag/{key}"
