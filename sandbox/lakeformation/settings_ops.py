"""Data lake settings: who administers, what new databases and tables leave to IAM, the cross-account version.

https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_PutDataLakeSettings.html: a put overwrites
everything.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from sandbox.lakeformation import errors, principals, resources, world
from sandbox.lakeformation.resources import Kind
from sandbox.lakeformation.store import DEFAULT_SETTINGS, lock, store

if TYPE_CHECKING:
    from sandbox.api import Call

MAX_ADMINS = 30
MAX_DEFAULTS = 3
VERSIONS = ("1", "2", "3", "4", "5")
_EMPTY: dict[str, Any] = {
    "DataLakeAdmins": [],
    "ReadOnlyAdmins": [],
    "CreateDatabaseDefaultPermissions": [],
    "CreateTableDefaultPermissions": [],
    "TrustedResourceOwners": [],
    "AllowExternalDataFiltering": False,
    "AllowFullTableExternalDataAccess": False,
    "ExternalDataFilteringAllowList": [],
    "AuthorizedSessionTagValueList": [],
}


def get(call: Call) -> dict[str, Any]:
    """GetDataLakeSettings."""
    with lock:
        return {"DataLakeSettings": copy.deepcopy(store.account(own_catalog(call)).settings)}


def put(call: Call) -> dict[str, Any]:
    """PutDataLakeSettings: what is not given is empty afterwards, and the version 1 again.

    Raises:
        AwsError: InvalidInputException for too many or unknown administrators, for a version that does not exist, and
            for a step down from version 5 (https://docs.aws.amazon.com/lake-formation/latest/dg/optimize-ram.html).
    """
    given = call.params["DataLakeSettings"]
    with lock:
        account = store.account(own_catalog(call))
        made = copy.deepcopy(_EMPTY | {name: value for name, value in given.items() if value is not None})
        for name in ("DataLakeAdmins", "ReadOnlyAdmins"):
            _check_admins(made[name], call.caller.account)
        for name, kind in (
            ("CreateDatabaseDefaultPermissions", Kind.DATABASE),
            ("CreateTableDefaultPermissions", Kind.TABLE),
        ):
            _check_defaults(made[name], kind)
        made["Parameters"] = _parameters(given.get("Parameters") or {}, account.version())
        account.settings = made
    return {}


def own_catalog(call: Call) -> str:
    """The caller's account: these operations work on no other catalog.

    Raises:
        AwsError: AccessDeniedException for another account's catalog.
    """
    catalog = call.params.get("CatalogId") or call.caller.account
    if catalog != call.caller.account:
        raise errors.denied(f"Access to catalog {catalog} is denied for account {call.caller.account}.")
    return str(catalog)


def _check_admins(admins: list[dict[str, Any]], account: str) -> None:
    if len(admins) > MAX_ADMINS:
        raise errors.invalid(f"The number of data lake administrators exceeds {MAX_ADMINS}.")
    for admin in admins:
        principal = principals.parse(admin.get("DataLakePrincipalIdentifier", ""))
        own_iam = principal.kind is principals.Kind.IAM and principal.account == account
        if not own_iam or not world.current().principal_exists(principal.id):
            raise errors.invalid(f"Invalid principal, {principal.id}")


def _check_defaults(defaults: list[dict[str, Any]], kind: Kind) -> None:
    if len(defaults) > MAX_DEFAULTS:
        raise errors.invalid(f"The number of default permissions exceeds {MAX_DEFAULTS}.")
    for default in defaults:
        principals.parse(default.get("Principal", {}).get("DataLakePrincipalIdentifier", ""))
        if not set(default.get("Permissions") or []) <= resources.VALID[kind]:
            raise errors.bad_permissions()


def _parameters(given: dict[str, str], standing: int) -> dict[str, str]:
    parameters: dict[str, str] = DEFAULT_SETTINGS["Parameters"] | given
    version = parameters["CROSS_ACCOUNT_VERSION"]
    if version not in VERSIONS:
        raise errors.invalid(
            f"Invalid value for CROSS_ACCOUNT_VERSION: {version}. Valid values are {', '.join(VERSIONS)}."
        )
    if standing == 5 and version != "5":
        raise errors.invalid(f"Downgrading CROSS_ACCOUNT_VERSION from 5 to {version} is not supported.")
    return parameters
