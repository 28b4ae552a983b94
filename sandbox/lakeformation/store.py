"""Lake Formation's own state: settings, registered locations and grants of every account, and nothing but state."""

from __future__ import annotations

import copy
import threading
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sandbox.lakeformation.principals import IAM_ALLOWED_PRINCIPALS
from sandbox.lakeformation.resources import Expression, Kind, Resource, catalog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

lock = threading.RLock()
"""Held by whoever reads several parts of the state or changes it."""

_EVERYTHING_BY_IAM = [{"Principal": {"DataLakePrincipalIdentifier": IAM_ALLOWED_PRINCIPALS}, "Permissions": ["ALL"]}]

DEFAULT_SETTINGS: dict[str, Any] = {
    "DataLakeAdmins": [],
    "ReadOnlyAdmins": [],
    "CreateDatabaseDefaultPermissions": _EVERYTHING_BY_IAM,
    "CreateTableDefaultPermissions": _EVERYTHING_BY_IAM,
    "Parameters": {"CROSS_ACCOUNT_VERSION": "1", "SET_CONTEXT": "TRUE"},
    "TrustedResourceOwners": [],
    "AllowExternalDataFiltering": False,
    "AllowFullTableExternalDataAccess": False,
    "ExternalDataFilteringAllowList": [],
    "AuthorizedSessionTagValueList": [],
}
"""https://docs.aws.amazon.com/lake-formation/latest/dg/change-settings.html: what a fresh account has."""


@dataclass
class Grant:
    """What one principal holds on one resource. In the owner's account, or in a recipient's for what was passed on."""

    principal: str
    resource: Resource
    permissions: set[str] = field(default_factory=set)
    grantable: set[str] = field(default_factory=set)
    updated: datetime | None = None
    updated_by: str = ""
    share: str | None = None
    """The RAM share in which a cross-account grant travels."""
    implicit: bool = False
    """Given to the account of a foreign creator of a table: it travels with the share of the database."""


@dataclass
class Location:
    """A registered S3 location."""

    arn: str
    role: str
    service_linked: bool
    updated: datetime
    owner_account: str | None = None


@dataclass
class SavedExpression:
    """A tag expression under a name."""

    name: str
    expression: Expression
    description: str = ""


@dataclass
class CellsFilter:
    """A data cells filter: columns to include (`columns`) or to leave out (`excluded`), and which rows.

    Exactly one of the two is None; no `row_filter` stands for all rows.
    """

    name: str
    version: str
    columns: tuple[str, ...] | None = None
    excluded: tuple[str, ...] | None = None
    row_filter: str | None = None


@dataclass
class Account:
    """Everything of one account."""

    settings: dict[str, Any]
    locations: dict[str, Location] = field(default_factory=dict)
    grants: dict[tuple[str, Resource], Grant] = field(default_factory=dict)
    table_defaults: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """What new tables of each database are granted by default, as it was when the database was made."""
    lf_tags: dict[str, list[str]] = field(default_factory=dict)
    """The LF-tags of the account: keys with their values, lower case."""
    tags: dict[Resource, dict[str, str]] = field(default_factory=dict)
    """What is assigned to a database(), table() or column() of the account's catalog: keys with their one value."""
    tag_expressions: dict[str, SavedExpression] = field(default_factory=dict)
    cell_filters: dict[Resource, CellsFilter] = field(default_factory=dict)
    """The data cells filters that were made in the account, by cells_filter()."""

    def admins(self) -> set[str]:
        """The data lake administrators."""
        return {admin["DataLakePrincipalIdentifier"] for admin in self.settings["DataLakeAdmins"]}

    def read_only_admins(self) -> set[str]:
        """Administrators who only look."""
        return {admin["DataLakePrincipalIdentifier"] for admin in self.settings["ReadOnlyAdmins"]}

    def version(self) -> int:
        """CROSS_ACCOUNT_VERSION."""
        return int(self.settings["Parameters"]["CROSS_ACCOUNT_VERSION"])

    def find(self, principal: str, resource: Resource) -> Grant | None:
        """The grant, if there is one."""
        return self.grants.get((principal, resource))

    def obtain(self, principal: str, resource: Resource) -> Grant:
        """The grant, made empty if there is none."""
        return self.grants.setdefault((principal, resource), Grant(principal, resource))

    def drop_empty(self) -> None:
        """Forget grants of nothing."""
        self.forget(lambda grant: not grant.permissions and not grant.grantable)

    def forget(self, unwanted: Callable[[Grant], bool]) -> None:
        """Forget the grants for which the question is true."""
        for key in [key for key, grant in self.grants.items() if unwanted(grant)]:
            del self.grants[key]


def _fresh(account: str) -> Account:
    """A fresh account: IAM alone decides, over what exists and over who creates databases."""
    made = Account(copy.deepcopy(DEFAULT_SETTINGS))
    made.obtain(IAM_ALLOWED_PRINCIPALS, catalog(account)).permissions.add("CREATE_DATABASE")
    return made


class Store:
    """All accounts."""

    def __init__(self) -> None:
        self._accounts: dict[str, Account] = {}

    def account(self, account: str) -> Account:
        """An account's state, fresh when it was never touched."""
        with lock:
            if account not in self._accounts:
                self._accounts[account] = _fresh(account)
            return self._accounts[account]

    def accounts(self) -> Iterator[tuple[str, Account]]:
        """Every account that was touched."""
        with lock:
            yield from list(self._accounts.items())

    def reset(self) -> None:
        """Forget everything."""
        with lock:
            self._accounts.clear()

    def get_state(self) -> dict[str, Any]:
        """The whole state as JSON-compatible data."""
        with lock:
            return {name: _account_to_state(account) for name, account in self._accounts.items()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Become what `get_state` once returned."""
        with lock:
            self._accounts = {name: _account_from_state(item) for name, item in state.items()}


store = Store()


def _account_to_state(account: Account) -> dict[str, Any]:
    return {
        "settings": copy.deepcopy(account.settings),
        "table_defaults": copy.deepcopy(account.table_defaults),
        "locations": [asdict(item) | {"updated": item.updated.isoformat()} for item in account.locations.values()],
        "grants": [
            asdict(grant)
            | {
                "resource": asdict(grant.resource),
                "permissions": sorted(grant.permissions),
                "grantable": sorted(grant.grantable),
                "updated": grant.updated.isoformat() if grant.updated else None,
            }
            for grant in account.grants.values()
        ],
        "lf_tags": copy.deepcopy(account.lf_tags),
        "tags": [{"resource": asdict(resource), "tags": dict(tags)} for resource, tags in account.tags.items()],
        "tag_expressions": [asdict(saved) for saved in account.tag_expressions.values()],
        "cell_filters": [
            {"resource": asdict(resource), "filter": asdict(cells)} for resource, cells in account.cell_filters.items()
        ],
    }


def _account_from_state(item: dict[str, Any]) -> Account:
    account = Account(copy.deepcopy(item["settings"]), table_defaults=copy.deepcopy(item["table_defaults"]))
    for entry in item["locations"]:
        found = Location(**(entry | {"updated": datetime.fromisoformat(entry["updated"])}))
        account.locations[found.arn] = found
    for entry in item["grants"]:
        grant = Grant(
            **(
                entry
                | {
                    "resource": _resource(entry["resource"]),
                    "permissions": set(entry["permissions"]),
                    "grantable": set(entry["grantable"]),
                    "updated": datetime.fromisoformat(entry["updated"]) if entry["updated"] else None,
                }
            )
        )
        account.grants[(grant.principal, grant.resource)] = grant
    account.lf_tags = copy.deepcopy(item["lf_tags"])
    account.tags = {_resource(entry["resource"]): dict(entry["tags"]) for entry in item["tags"]}
    for entry in item["tag_expressions"]:
        saved = SavedExpression(**_frozen(entry))
        account.tag_expressions[saved.name] = saved
    for entry in item["cell_filters"]:
        account.cell_filters[_resource(entry["resource"])] = CellsFilter(**_frozen(entry["filter"]))
    return account


def _resource(plain: dict[str, Any]) -> Resource:
    return Resource(**(_frozen(plain) | {"kind": Kind(plain["kind"])}))


def _frozen(value: Any) -> Any:  # noqa: ANN401  JSON is anything
    """The fields of a dataclass as they were before JSON made lists of its tuples."""
    return {name: _tuple(item) for name, item in value.items()}


def _tuple(value: Any) -> Any:  # noqa: ANN401  JSON is anything
    return tuple(_tuple(item) for item in value) if isinstance(value, list | tuple) else value
