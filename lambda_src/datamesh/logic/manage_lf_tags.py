"""Brings an account's LF-tags to what the mesh declares; takes away only what the mesh had added and nobody uses.

Lake Formation refuses to remove a value that is assigned to something, but deletes a whole key without looking, and
never asks who is granted by it. So both are looked up before anything changes. What the mesh has added stands in the
registry and not in Terraform's state: that forgets the earlier input even when an update is refused.
https://github.com/hashicorp/terraform-provider-aws/issues/43447
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from datamesh.logic.ports import Permissions, Registry, TagOntology
from datamesh.logic.tag_work import tag_work
from datamesh.models.errors import TagInUse
from datamesh.models.lf_tags import LfTagsRequest
from datamesh.models.permissions import GrantedPermission, TagPolicyResource, TagResource
from datamesh.models.registry import AddedTags, Save

# Of many that use a value so many are named.
MAX_NAMED = 5
GRANTS_BY_TAG = ("LF_TAG", "LF_TAG_POLICY_DATABASE", "LF_TAG_POLICY_TABLE")

Values = Mapping[str, tuple[str, ...]]


class TagManagement:
    """What one request does. It may be repeated."""

    def __init__(
        self, registry: Registry, ontology: TagOntology, permissions: Permissions, *, own_role_arn: str
    ) -> None:
        self._registry = registry
        self._ontology = ontology
        self._permissions = permissions
        self._own_role_arn = own_role_arn

    def apply(self, request: LfTagsRequest, holder: str, now: datetime) -> dict[str, Any]:
        """Add what is declared and not there, and remove what the mesh had added and does not declare any more.

        On delete, what is in use stays: the data outlives the mesh. Raises TagInUse before anything changes, and
        RecordBusy while a workflow assigns tags or grants by them.
        """
        with tag_work(self._registry, holder, now):
            ours = _Ours(self._registry)
            gone = self._existing(_without(ours.tags, request.wanted, request.domain_tag_key))
            uses = self._uses(gone)
            if uses and request.tf.action != "delete":
                raise TagInUse(
                    "Nothing was changed, these LF-tags are in use: "
                    + "; ".join(f"{key}={value} by {_listed(users)}" for (key, value), users in sorted(uses.items()))
                )
            missing = _without(request.wanted, self._existing(request.wanted))
            # First remembered: what a crash leaves behind is found again.
            ours.keep(_with(ours.tags, missing))
            for key, values in missing.items():
                self._ontology.ensure_values(key, values)
            for key, values in gone.items():
                self._ontology.remove_values(key, [value for value in values if (key, value) not in uses])
            kept = {key: tuple(value for value in values if (key, value) in uses) for key, values in gone.items()}
            unwanted = _without(ours.tags, request.wanted, request.domain_tag_key)
            ours.keep(_with(_without(ours.tags, unwanted), kept))
        return {"tags": {key: list(values) for key, values in sorted(request.wanted.items())}}

    def _existing(self, tags: Values) -> dict[str, tuple[str, ...]]:
        return _clean({key: (self._ontology.values(key) or frozenset()) & set(tags[key]) for key in tags})

    def _uses(self, tags: Values) -> dict[tuple[str, str], list[str]]:
        """Return what carries or is granted by each of the values that are used."""
        if not tags:
            return {}
        granted = [row for kind in GRANTS_BY_TAG for row in self._permissions.list_permissions(resource_type=kind)]
        uses: dict[tuple[str, str], list[str]] = {}
        for key, values in tags.items():
            for value in values:
                holders = {
                    f"a grant to {row.principal}"
                    for row in granted
                    # Whoever makes a tag may do anything with it; that is no use of it.
                    if row.principal != self._own_role_arn and _names(row, key, value)
                }
                users = [*self._ontology.carriers(key, value), *sorted(holders)]
                if users:
                    uses[key, value] = users
        return uses


class _Ours:
    """What the mesh has added, as the registry remembers it."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._record = registry.added_tags()

    @property
    def tags(self) -> dict[str, tuple[str, ...]]:
        return dict(self._record.tags) if self._record is not None else {}

    def keep(self, tags: Values) -> None:
        if self.tags != tags:
            version = self._record.version + 1 if self._record is not None else 1
            self._record = AddedTags(tags=dict(tags), version=version)
            self._registry.write([Save(self._record)])


def _clean(tags: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    return {key: tuple(sorted(values)) for key, values in sorted(tags.items()) if values}


def _with(tags: Values, more: Values) -> dict[str, tuple[str, ...]]:
    return _clean({key: {*tags.get(key, ()), *more.get(key, ())} for key in {*tags, *more}})


def _without(tags: Values, less: Values, never: str | None = None) -> dict[str, tuple[str, ...]]:
    return _clean({key: set(values) - set(less.get(key, ())) for key, values in tags.items() if key != never})


def _names(row: GrantedPermission, key: str, value: str) -> bool:
    """Tell whether a grant is on a value, or by an expression that names it."""
    match row.resource:
        case TagResource():
            return row.resource.key == key and value in row.resource.values
        case TagPolicyResource():
            return any(key == named and value in values for named, values in row.resource.expression)
        case _:
            return False


def _listed(users: list[str]) -> str:
    more = len(users) - MAX_NAMED
    return ", ".join(users[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
