"""manage_data_lake_settings: merges, never replaces; removes only its own; survives other writers."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from datamesh.logic.manage_data_lake_settings import apply, merged
from datamesh.models.data_lake_settings import DataLakeSettingsRequest
from datamesh.models.errors import PrincipalNotKnownYet, SettingsConflict, TooManyAdministrators


def role(name: object) -> str:
    return f"arn:aws:iam::111111111111:role/{name}"


def admin(name: object) -> dict[str, str]:
    return {"DataLakePrincipalIdentifier": role(name)}


FRESH: dict[str, Any] = {
    "DataLakeAdmins": [],
    "CreateDatabaseDefaultPermissions": [
        {"Principal": {"DataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS"}, "Permissions": ["ALL"]}
    ],
    "CreateTableDefaultPermissions": [
        {"Principal": {"DataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS"}, "Permissions": ["ALL"]}
    ],
    "Parameters": {"CROSS_ACCOUNT_VERSION": "1", "SET_CONTEXT": "TRUE"},
}
IN_USE: dict[str, Any] = {
    **FRESH,
    "DataLakeAdmins": [admin("theirs")],
    "ReadOnlyAdmins": [admin("auditor")],
    "TrustedResourceOwners": ["999999999999"],
    "AllowExternalDataFiltering": True,
    "AllowFullTableExternalDataAccess": False,
    "ExternalDataFilteringAllowList": [{"DataLakePrincipalIdentifier": "888888888888"}],
    "AuthorizedSessionTagValueList": ["tag"],
    "SomethingOfTomorrow": {"kept": True},
}


def request(
    *names: object, action: str = "create", before: list[str] | None = None, version: str = "4"
) -> DataLakeSettingsRequest:
    previous = None if before is None else {"administrators": before, "cross_account_version": version}
    return DataLakeSettingsRequest.model_validate(
        {
            "administrators": [role(name) for name in names],
            "cross_account_version": version,
            "tf": {"action": action, "prev_input": previous},
        }
    )


class FakeSettings:
    """Settings that are replaced as a whole, and somebody else who may write in between."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = copy.deepcopy(settings)
        self.writes = 0
        self.after_put: list[Callable[[dict[str, Any]], dict[str, Any]]] = []

    def get(self) -> dict[str, Any]:
        return copy.deepcopy(self.settings)

    def put(self, settings: dict[str, Any]) -> None:
        self.settings = copy.deepcopy(settings)
        self.writes += 1
        if self.after_put:
            self.settings = self.after_put.pop(0)(self.settings)

    @property
    def administrators(self) -> list[str]:
        return [item["DataLakePrincipalIdentifier"] for item in self.settings["DataLakeAdmins"]]


def run(store: FakeSettings, asked: DataLakeSettingsRequest) -> dict[str, Any]:
    return apply(asked, store, lambda: None)


def test_a_fresh_account_gets_administrators_version_and_no_default_grants() -> None:
    store = FakeSettings(FRESH)
    assert run(store, request("b", "a")) == {
        "administrators": [role("a"), role("b")],
        "cross_account_version": "4",
    }
    assert store.settings == {
        "DataLakeAdmins": [admin("a"), admin("b")],
        "CreateDatabaseDefaultPermissions": [],
        "CreateTableDefaultPermissions": [],
        "Parameters": {"CROSS_ACCOUNT_VERSION": "4", "SET_CONTEXT": "TRUE"},
    }


def test_what_others_set_up_stays() -> None:
    store = FakeSettings(IN_USE)
    run(store, request("ours"))
    changed = {"DataLakeAdmins", "CreateDatabaseDefaultPermissions", "CreateTableDefaultPermissions", "Parameters"}
    assert store.administrators == [role("theirs"), role("ours")]
    assert {key: value for key, value in store.settings.items() if key not in changed} == {
        key: value for key, value in IN_USE.items() if key not in changed
    }


def test_an_administrator_that_is_there_is_not_added_again() -> None:
    store = FakeSettings({**IN_USE, "DataLakeAdmins": [admin("ours"), admin("theirs")]})
    run(store, request("ours", "ours"))
    assert store.administrators == [role("ours"), role("theirs")]


@pytest.mark.parametrize(
    ("there", "asked", "after"), [("1", "4", "4"), ("5", "4", "5"), ("4", "4", "4"), ("3", "5", "5"), (None, "4", "4")]
)
def test_the_version_is_raised_and_never_lowered(there: str | None, asked: str, after: str) -> None:
    parameters = {} if there is None else {"CROSS_ACCOUNT_VERSION": there}
    store = FakeSettings({**FRESH, "Parameters": parameters})
    assert run(store, request("a", version=asked))["cross_account_version"] == after
    assert store.settings["Parameters"]["CROSS_ACCOUNT_VERSION"] == after


def test_repeating_writes_nothing() -> None:
    store = FakeSettings(IN_USE)
    first = run(store, request("ours"))
    writes = store.writes
    assert run(store, request("ours")) == first
    assert run(store, request("ours", action="update", before=[role("ours")])) == first
    assert store.writes == writes == 1


def test_an_update_removes_only_what_an_earlier_request_named() -> None:
    store = FakeSettings({**IN_USE, "DataLakeAdmins": [admin("theirs"), admin("old"), admin("kept")]})
    run(store, request("kept", "new", action="update", before=[role("old"), role("kept")]))
    assert store.administrators == [role("theirs"), role("kept"), role("new")]


@pytest.mark.parametrize("previous", [None, {}, {"administrators": None}, {"administrators": [1]}, {"other": "shape"}])
def test_an_update_from_another_version_of_the_input_removes_nothing(previous: Any) -> None:
    store = FakeSettings(IN_USE)
    asked = DataLakeSettingsRequest.model_validate(
        {
            "administrators": [role("ours")],
            "cross_account_version": "4",
            "tf": {"action": "update", "prev_input": previous},
        }
    )
    run(store, asked)
    assert store.administrators == [role("theirs"), role("ours")]


def test_deleting_removes_only_its_own_and_leaves_the_rest() -> None:
    store = FakeSettings(IN_USE)
    run(store, request("ours"))
    before = copy.deepcopy(store.settings)
    answer = run(store, request("ours", action="delete", before=[role("ours")]))
    assert answer["administrators"] == []
    assert store.administrators == [role("theirs")]
    assert {**store.settings, "DataLakeAdmins": 0} == {**before, "DataLakeAdmins": 0}


def test_deleting_what_is_gone_already_succeeds() -> None:
    store = FakeSettings(IN_USE)
    run(store, request("ours", action="delete"))
    assert store.writes == 0


def test_too_many_administrators_change_nothing() -> None:
    store = FakeSettings({**IN_USE, "DataLakeAdmins": [admin(number) for number in range(29)]})
    before = store.get()
    with pytest.raises(TooManyAdministrators, match="31: 2 of this mesh and 29 of others"):
        run(store, request("a", "b"))
    assert (store.writes, store.settings) == (0, before)
    run(store, request("a"))
    assert len(store.administrators) == 30


def test_a_writer_in_between_is_noticed_and_both_are_merged() -> None:
    store = FakeSettings(IN_USE)
    store.after_put = [lambda _: {**IN_USE, "DataLakeAdmins": [admin("theirs"), admin("third")]}]
    run(store, request("ours"))
    assert store.administrators == [role("theirs"), role("third"), role("ours")]
    assert store.writes == 2


def test_a_writer_who_comes_while_looking_again_is_noticed() -> None:
    store = FakeSettings(IN_USE)
    looks = iter([None, None])

    def pause() -> None:
        if next(looks, "later") is None:
            store.settings["DataLakeAdmins"] = [admin("theirs")]

    apply(request("ours"), store, pause)
    assert role("ours") in store.administrators


class NewRole(FakeSettings):
    """Settings that do not know the new role at first; somebody else writes while it is waited for."""

    def __init__(self, settings: dict[str, Any], refusals: int) -> None:
        super().__init__(settings)
        self.refusals = refusals

    def put(self, settings: dict[str, Any]) -> None:
        if self.refusals:
            self.refusals -= 1
            self.settings["DataLakeAdmins"] = [admin("theirs"), admin("third")]
            raise PrincipalNotKnownYet("Invalid principal")
        super().put(settings)


def test_what_others_write_while_a_new_role_is_waited_for_stays() -> None:
    store = NewRole(IN_USE, refusals=10)
    run(store, request("ours"))
    assert store.administrators == [role("theirs"), role("third"), role("ours")]


def test_a_role_that_never_becomes_known_is_an_error() -> None:
    with pytest.raises(PrincipalNotKnownYet):
        run(NewRole(IN_USE, refusals=1000), request("ours"))


def test_a_writer_who_never_gives_up_is_an_error() -> None:
    store = FakeSettings(IN_USE)
    store.after_put = [lambda _: copy.deepcopy(IN_USE)] * 100
    with pytest.raises(SettingsConflict, match="CloudTrail"):
        run(store, request("ours"))
    assert store.writes < 10


@pytest.mark.parametrize(
    "change",
    [
        {"administrators": []},
        {"administrators": [f"arn:aws:iam::111111111111:role/r{number}" for number in range(31)]},
        {"administrators": ["111111111111"]},
        {"cross_account_version": "6"},
        {"administratorz": []},
        {"tf": {"action": "read"}},
    ],
)
def test_a_wrong_request_is_refused(change: dict[str, Any]) -> None:
    good = {"administrators": [role("a")], "cross_account_version": "4", "tf": {"action": "create"}}
    DataLakeSettingsRequest.model_validate(good)
    with pytest.raises(ValidationError):
        DataLakeSettingsRequest.model_validate({**good, **change})


NAMES = st.lists(st.integers(0, 9), max_size=8, unique=True)


@given(foreign=NAMES, first=NAMES.filter(bool), second=NAMES.filter(bool), version=st.sampled_from("12345"))
def test_any_life_of_a_mesh_leaves_foreign_settings_as_they_were(
    foreign: list[int], first: list[int], second: list[int], version: str
) -> None:
    """Create, update and delete, each twice: foreign administrators and everything else survive, ours are exact."""
    others = [f"other-{number}" for number in foreign]
    store = FakeSettings({**IN_USE, "DataLakeAdmins": [admin(name) for name in others]})
    for asked, ours in (
        (request(*first, version=version), first),
        (request(*second, version=version, action="update", before=[role(name) for name in first]), second),
        (request(*second, version=version, action="delete"), []),
    ):
        for _ in range(2):
            run(store, asked)
            assert sorted(store.administrators) == sorted(role(name) for name in [*others, *ours])
    rest = {"DataLakeAdmins", "CreateDatabaseDefaultPermissions", "CreateTableDefaultPermissions", "Parameters"}
    assert {key: value for key, value in store.settings.items() if key not in rest} == {
        key: value for key, value in IN_USE.items() if key not in rest
    }


@given(foreign=NAMES, ours=NAMES.filter(bool), action=st.sampled_from(["create", "update", "delete"]))
def test_merging_twice_is_merging_once(foreign: list[int], ours: list[int], action: str) -> None:
    asked = request(*ours, action=action, before=[role(number) for number in range(3)])
    once = merged({**IN_USE, "DataLakeAdmins": [admin(number) for number in foreign]}, asked)
    assert merged(once, asked) == once
