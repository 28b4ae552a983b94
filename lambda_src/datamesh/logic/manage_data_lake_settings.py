"""Merges what a mesh needs into an account's Lake Formation settings, and takes only that out again.

PutDataLakeSettings replaces everything and knows no version to compare with. So each write starts from what was read a
moment before, and is looked at again, after a pause of random length, until what was written stays.
"""

from collections.abc import Callable
from typing import Any

from datamesh.logic.domain_ports import SettingsStore
from datamesh.models.data_lake_settings import MAX_ADMINISTRATORS, DataLakeSettingsRequest
from datamesh.models.errors import PrincipalNotKnownYet, SettingsConflict, TooManyAdministrators

VERSION = "CROSS_ACCOUNT_VERSION"
MAX_WRITES = 6
LOOKS = 2
# Pauses, of a second on average, in which IAM tells Lake Formation of a new role.
MAX_WAITS = 90


def merged(current: dict[str, Any], request: DataLakeSettingsRequest) -> dict[str, Any]:
    """Return the settings after the request; whatever it does not speak of is as before.

    On create and update: missing administrators are added, those of an earlier request that this one does not name are
    taken out, the cross-account version is raised if it is lower, and nothing is granted to IAM_ALLOWED_PRINCIPALS on
    new databases and tables. On delete only the request's administrators are taken out: lowering the version or
    restoring the default grants would change what others rely on.

    Raises TooManyAdministrators when there would be more than Lake Formation takes.
    """
    settings = dict(current)
    admins = [
        dict(admin) for admin in current.get("DataLakeAdmins", []) if _name(admin) not in request.no_longer_wanted
    ]
    if request.tf.action == "delete":
        settings["DataLakeAdmins"] = admins
        return settings
    present = {_name(admin) for admin in admins}
    admins += [{"DataLakePrincipalIdentifier": name} for name in request.administrators if name not in present]
    if len(admins) > MAX_ADMINISTRATORS:
        raise TooManyAdministrators(
            f"Lake Formation takes {MAX_ADMINISTRATORS} administrators, and there would be {len(admins)}: "
            f"{len(request.administrators)} of this mesh and {len(admins) - len(request.administrators)} of others. "
            "Remove some of the others first; nothing was changed."
        )
    parameters = dict(current.get("Parameters") or {})
    if _version(parameters) < int(request.cross_account_version):
        parameters[VERSION] = request.cross_account_version
    return {
        **settings,
        "DataLakeAdmins": admins,
        "CreateDatabaseDefaultPermissions": [],
        "CreateTableDefaultPermissions": [],
        "Parameters": parameters,
    }


def apply(request: DataLakeSettingsRequest, store: SettingsStore, pause: Callable[[], None]) -> dict[str, Any]:
    """Bring the settings to where the request wants them, and keep them there against other writers.

    Returns what a second apply would return too. Raises TooManyAdministrators before anything changes, and
    SettingsConflict when another writer kept undoing it.
    """
    writes = waits = 0
    while writes < MAX_WRITES:
        current = store.get()
        wanted = merged(current, request)
        if _same(current, wanted):
            return _answer(request, current)
        try:
            store.put(wanted)
        except PrincipalNotKnownYet:
            waits += 1
            if waits > MAX_WAITS:
                raise
            pause()
            continue
        writes += 1
        if _stays(request, store, pause):
            return _answer(request, store.get())
    raise SettingsConflict(
        f"Another writer undid the Lake Formation settings {MAX_WRITES} times. Find it in CloudTrail "
        "(PutDataLakeSettings) and let one of the two manage them."
    )


def _stays(request: DataLakeSettingsRequest, store: SettingsStore, pause: Callable[[], None]) -> bool:
    """Look again until a writer that read before this one wrote must have written, too."""
    for _ in range(LOOKS):
        pause()
        current = store.get()
        if not _same(current, merged(current, request)):
            return False
    return True


def _answer(request: DataLakeSettingsRequest, settings: dict[str, Any]) -> dict[str, Any]:
    return {
        "administrators": [] if request.tf.action == "delete" else list(request.administrators),
        "cross_account_version": str(_version(settings.get("Parameters") or {})),
    }


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return _comparable(one) == _comparable(other)


def _comparable(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings without what means nothing: the order of administrators, and empty or absent lists."""
    admins = sorted(_name(admin) for admin in settings.get("DataLakeAdmins", []))
    return {key: value for key, value in settings.items() if value} | {"DataLakeAdmins": admins}


def _name(admin: dict[str, Any]) -> str:
    return str(admin["DataLakePrincipalIdentifier"])


def _version(parameters: dict[str, Any]) -> int:
    # A fresh account says nothing or "1".
    return int(parameters.get(VERSION, "1"))
