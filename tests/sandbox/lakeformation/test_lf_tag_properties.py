"""Whatever is tagged, granted and taken away, the sandbox answers as the model written from AWS's documentation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sandbox import clock
from sandbox import settings as sandbox_settings
from sandbox.api import AwsError
from sandbox.lakeformation import engine, store, windows, world
from sandbox.ram import store as ram_store
from tests.sandbox.lakeformation.fake_world import CENTRAL, MARKETING, FakeWorld, Lake, role
from tests.support.tag_model import Place, Policy, RefusedError, TagModel

ADMIN, MAKER, READER = role(CENTRAL, "admin"), role(CENTRAL, "maker"), role(CENTRAL, "reader")
STEWARD, ANALYST = role(MARKETING, "steward"), role(MARKETING, "analyst")
NAMES = {READER: f"{CENTRAL}/reader", ANALYST: f"{MARKETING}/analyst"}
ARNS = {MARKETING: MARKETING} | {name: caller.principal_arn for caller, name in NAMES.items()}

ONTOLOGY = {"lob": ("sales", "hr"), "level": ("open", "secret")}
COLUMNS = ("id", "price")
ORDERS, PEOPLE = ("shop", "orders"), ("staff", "people")
TABLES = (ORDERS, PEOPLE)
DATABASES = (("shop",), ("staff",))
PLACES: list[Place] = [*DATABASES, *TABLES, *((*table, column) for table in TABLES for column in COLUMNS)]
ON_TABLES = ("SELECT", "DESCRIBE", "ALTER", "DROP", "INSERT", "ALL")

QUICK = settings(max_examples=150, stateful_step_count=20, deadline=None, derandomize=True)

places = st.sampled_from(PLACES)
pairs = st.sampled_from([(key, value) for key, values in ONTOLOGY.items() for value in values])
assignments = st.lists(st.tuples(places, pairs), min_size=2, max_size=6)
expressions = st.one_of(
    pairs.map(lambda pair: {pair[0]: {pair[1]}}),
    st.fixed_dictionaries({key: st.sets(st.sampled_from(values), min_size=1) for key, values in ONTOLOGY.items()}),
)
on_tables = st.one_of(
    st.sampled_from([{"SELECT", "DESCRIBE"}, {"SELECT", "ALTER"}]),
    st.sets(st.sampled_from(ON_TABLES), min_size=1, max_size=2),
)
on_databases = st.sets(st.sampled_from(["DESCRIBE", "ALTER", "CREATE_TABLE"]), min_size=1, max_size=2)
policies = st.one_of(
    st.tuples(st.builds(Policy.of, st.just("TABLE"), expressions), on_tables),
    st.tuples(st.builds(Policy.of, st.just("TABLE"), expressions), on_tables),
    st.tuples(st.builds(Policy.of, st.just("DATABASE"), expressions), on_databases),
)
# Nobody can be granted on columns and on the whole of a table: `orders` goes by column, `people` as a whole.
by_name: st.SearchStrategy[tuple[Place, set[str]]] = st.one_of(
    st.tuples(st.just(PEOPLE), st.sets(st.sampled_from(["SELECT", "DESCRIBE", "ALTER"]), min_size=1)),
    st.tuples(st.sampled_from([(*ORDERS, column) for column in COLUMNS]), st.just({"SELECT"})),
    st.tuples(st.sampled_from(DATABASES), st.just({"DESCRIBE"})),
)


class Both:
    """The sandbox's Lake Formation and the model, told the same things."""

    def __init__(self) -> None:
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(windows, "HOLD_SECONDS", 0.0)
        fake = FakeWorld()
        world.use(fake)
        sandbox_settings.reset()
        sandbox_settings.update(ram_visibility_delay=0.0)
        store.store.reset()
        ram_store.store.reset()
        self.lake, self.model = Lake(fake), TagModel(CENTRAL)
        self.lake.settings(CENTRAL, ADMIN)
        self.lake.settings(MARKETING, STEWARD)
        for key, values in ONTOLOGY.items():
            self.lake.call(ADMIN, "CreateLFTag", TagKey=key, TagValues=list(values))
            self.model.create_tag(key, *values)
        for (database,) in DATABASES:
            self.lake.create_database(MAKER, database)
            self.model.create(database)
        for table in TABLES:
            self.make(table)

    def close(self) -> None:
        """Leave nothing for the next test."""
        self.patch.undo()
        sandbox_settings.reset()
        clock.reset()

    def make(self, table: Place) -> None:
        """A table of plain columns."""
        descriptor = {"Columns": [{"Name": column} for column in COLUMNS]}
        self.lake.create_table(MAKER, *table, PartitionKeys=[], StorageDescriptor=descriptor)
        self.model.create(*table)
        for column in COLUMNS:
            self.model.create(*table, column)

    def drop(self, table: Place) -> None:
        """What Glue's gate does when a table is deleted."""
        database, name = table
        del self.lake.world.catalog[CENTRAL][database]["tables"][name]
        engine.table_deleted(CENTRAL, database, name)
        self.model.delete(*table)

    def tag(self, place: Place, key: str, value: str) -> None:
        """AddLFTagsToResource."""
        self._agree(
            lambda: self._tagging("AddLFTagsToResource", place, key, value),
            lambda: self.model.assign(place, key, value),
        )

    def untag(self, place: Place, key: str, value: str) -> None:
        """RemoveLFTagsFromResource."""
        self._agree(
            lambda: self._tagging("RemoveLFTagsFromResource", place, key, value),
            lambda: self.model.remove(place, key),
        )

    def grant(
        self, principal: str, target: Policy | Place, permissions: Iterable[str], *, options: bool, by: str = CENTRAL
    ) -> None:
        """GrantPermissions by the administrator of an account."""
        held = tuple(sorted(permissions))
        given = held if options else ()
        admin = ADMIN if by == CENTRAL else STEWARD
        self._agree(
            lambda: self.lake.grant(admin, ARNS[principal], resource(target), *held, options=given),
            lambda: self.model.grant(principal, target, *held, options=given, by=by),
        )

    def describe(self, key: str, value: str) -> None:
        """Let the other account see a value of a tag."""
        tag = {"LFTag": {"CatalogId": CENTRAL, "TagKey": key, "TagValues": [value]}}
        self._agree(
            lambda: self.lake.grant(ADMIN, MARKETING, tag, "DESCRIBE", options=("DESCRIBE",)),
            lambda: self.model.describe_values(MARKETING, key, value),
        )

    def revoke(self, principal: str, target: Policy | Place, *, by: str = CENTRAL) -> None:
        """RevokePermissions of all that is held."""
        admin = ADMIN if by == CENTRAL else STEWARD
        held = tuple(sorted(self.model.granted[principal, target]))
        options = tuple(sorted(self.model.grantable[principal, target]))
        self.lake.revoke(admin, ARNS[principal], resource(target), *held, options=options)
        self.model.revoke(principal, target, *held)

    def ontology(self, operation: str, change: Callable[[], None], **params: Any) -> None:
        """CreateLFTag, UpdateLFTag, DeleteLFTag by the owner's administrator."""
        self._agree(lambda: self.lake.call(ADMIN, operation, **params), change)

    def _tagging(self, operation: str, place: Place, key: str, value: str) -> None:
        pair = {"TagKey": key, "TagValues": [value]}
        answer = self.lake.call(ADMIN, operation, Resource=resource(place), LFTags=[pair])
        if answer.get("Failures"):
            raise RefusedError

    def _agree(self, ask: Callable[[], object], model: Callable[[], None]) -> None:
        """Do it in both: they accept it or refuse it together."""
        try:
            model()
        except RefusedError:
            with pytest.raises((AwsError, RefusedError)):
                ask()
        else:
            ask()

    # --- what both answer ---------------------------------------------------------------------------------------------

    def compare(self) -> None:
        """What everybody reads, sees and may do, and the tags of everything."""
        for caller, name in NAMES.items():
            for table in TABLES:
                ref = engine.TableRef(CENTRAL, *table)
                assert engine.readable_columns(caller, ref, COLUMNS) == self.model.selects(name, table), (name, table)
                assert engine.can_see_table(caller, ref) == self.model.sees(name, table), (name, table)
                for permission in ("ALTER", "DROP", "INSERT"):
                    has = engine.has(caller, permission, catalog=CENTRAL, database=table[0], table=table[1])
                    assert has == self.model.may(name, permission, table), (name, permission, table)
            for (database,) in DATABASES:
                seen = engine.can_see_database(caller, CENTRAL, database)
                assert seen == self.model.sees(name, (database,)), (name, database)
                for permission in ("ALTER", "CREATE_TABLE"):
                    has = engine.has(caller, permission, catalog=CENTRAL, database=database)
                    assert has == self.model.may(name, permission, (database,)), (name, permission, database)
        for table in TABLES:
            seen = engine.can_see_table(STEWARD, engine.TableRef(CENTRAL, *table))
            assert seen == self.model.sees(MARKETING, table), ("steward", table)
            self.compare_tags(table)

    def compare_tags(self, table: Place) -> None:
        """GetResourceLFTags, of a table with its database and columns."""
        whole = {"TableWithColumns": {**named(table), "ColumnWildcard": {}}}
        answer = self.lake.call(ADMIN, "GetResourceLFTags", Resource=whole)
        columns = {column["Name"]: tags_of(column["LFTags"]) for column in answer.get("LFTagsOnColumns", [])}
        assert tags_of(answer.get("LFTagOnDatabase", [])) == self.model.tags_at(table[:1])
        assert tags_of(answer.get("LFTagsOnTable", [])) == self.model.tags_at(table)
        for column in COLUMNS:
            assert columns.get(column, {}) == self.model.tags_at((*table, column)), (table, column)

    def found_by(self, expression: dict[str, set[str]]) -> set[Place]:
        """SearchTablesByLFTags."""
        conditions = [{"TagKey": key, "TagValues": sorted(values)} for key, values in expression.items()]
        answer = self.lake.call(ADMIN, "SearchTablesByLFTags", Expression=conditions)
        return {(each["Table"]["DatabaseName"], each["Table"]["Name"]) for each in answer["TableList"]}


def tags_of(pairs: list[dict[str, Any]]) -> dict[str, str]:
    """What Lake Formation answers, by key."""
    return {pair["TagKey"]: value for pair in pairs for value in pair["TagValues"]}


def named(table: Place) -> dict[str, Any]:
    """A table's name in requests."""
    return {"CatalogId": CENTRAL, "DatabaseName": table[0], "Name": table[1]}


def resource(target: Policy | Place) -> dict[str, Any]:
    """What is granted on or tagged, as the API has it."""
    if isinstance(target, Policy):
        conditions = [{"TagKey": key, "TagValues": sorted(values)} for key, values in sorted(target.expression)]
        return {"LFTagPolicy": {"CatalogId": CENTRAL, "ResourceType": target.kind, "Expression": conditions}}
    if len(target) == 1:
        return {"Database": {"CatalogId": CENTRAL, "Name": target[0]}}
    if len(target) == 2:
        return {"Table": named(target)}
    return {"TableWithColumns": {**named(target), "ColumnNames": [target[2]]}}


class Changes(RuleBasedStateMachine):
    """Any sequence of calls in the owner's account and in one that it shares with."""

    def __init__(self) -> None:
        super().__init__()
        self.both = Both()

    def teardown(self) -> None:
        """See `Both.close`."""
        self.both.close()

    @initialize(tags=assignments, here=policies, there=policies, options=st.booleans())
    def begin(
        self,
        tags: list[tuple[Place, tuple[str, str]]],
        here: tuple[Policy, set[str]],
        there: tuple[Policy, set[str]],
        options: bool,
    ) -> None:
        """Some tags, and something granted in both accounts."""
        for place, pair in tags:
            self.both.tag(place, *pair)
        self.both.grant(NAMES[READER], *here, options=False)
        self.both.grant(MARKETING, *there, options=options)
        self.both.grant(NAMES[ANALYST], *there, options=False, by=MARKETING)

    @rule(place=places, pair=pairs)
    def tag(self, place: Place, pair: tuple[str, str]) -> None:
        """Put a value on something, known or not any more."""
        self.both.tag(place, *pair)

    @rule(place=places, pair=pairs)
    def untag(self, place: Place, pair: tuple[str, str]) -> None:
        """Take away what is there, or not."""
        assigned = self.both.model.assigned[place]
        self.both.untag(place, pair[0], assigned.get(pair[0], pair[1]))

    @rule(what=policies)
    def grant_by_tag(self, what: tuple[Policy, set[str]]) -> None:
        """To a principal of the owner's account."""
        self.both.grant(NAMES[READER], *what, options=False)

    @rule(what=by_name)
    def grant_by_name(self, what: tuple[Place, set[str]]) -> None:
        """To the same principal."""
        self.both.grant(NAMES[READER], *what, options=False)

    @rule(what=policies, options=st.booleans())
    def share(self, what: tuple[Policy, set[str]], options: bool) -> None:
        """With the other account."""
        self.both.grant(MARKETING, *what, options=options)

    @rule(what=by_name.filter(lambda what: what[0] != PEOPLE), options=st.booleans())
    def share_by_name(self, what: tuple[Place, set[str]], options: bool) -> None:
        """With the other account, except what is dropped: a share outlives it."""
        self.both.grant(MARKETING, *what, options=options)

    @rule(pair=pairs)
    def describe(self, pair: tuple[str, str]) -> None:
        """With DESCRIBE on all its values the other account passes on policies that it was not granted."""
        self.both.describe(*pair)

    @rule(what=policies)
    def pass_on_by_tag(self, what: tuple[Policy, set[str]]) -> None:
        """In the other account; mostly it has no right to."""
        self.both.grant(NAMES[ANALYST], *what, options=False, by=MARKETING)

    @rule(what=by_name.filter(lambda what: what[0] != PEOPLE))
    def pass_on_by_name(self, what: tuple[Place, set[str]]) -> None:
        """In the other account, as far as it reaches by name and by tag."""
        self.both.grant(NAMES[ANALYST], *what, options=False, by=MARKETING)

    @rule(data=st.data())
    @precondition(lambda self: self.held(MARKETING))
    def pass_on_the_same(self, data: st.DataObject) -> None:
        """In the other account, just what it has."""
        target = data.draw(st.sampled_from(self.held(MARKETING)))
        permissions = self.both.model.granted[MARKETING, target]
        self.both.grant(NAMES[ANALYST], target, permissions, options=False, by=MARKETING)

    @rule(data=st.data(), principal=st.sampled_from([*NAMES.values(), MARKETING]))
    def revoke(self, data: st.DataObject, principal: str) -> None:
        """Everything granted on one thing; what the other account does not see any more is not there to be revoked."""
        by = MARKETING if principal == NAMES[ANALYST] else CENTRAL
        held = [
            target
            for target in self.held(principal)
            if by == CENTRAL or isinstance(target, Policy) or self.both.model.sees(MARKETING, target)
        ]
        if held:
            self.both.revoke(principal, data.draw(st.sampled_from(held)), by=by)

    @rule(pair=pairs)
    def delete_value(self, pair: tuple[str, str]) -> None:
        """Refused while it is on something."""
        key, value = pair
        model = self.both.model
        if model.tags.get(key, set()) - {value}:
            change = {"TagKey": key, "TagValuesToDelete": [value]}
            self.both.ontology("UpdateLFTag", lambda: model.delete_value(key, value), **change)

    @rule(key=st.sampled_from(sorted(ONTOLOGY)), seldom=st.integers(0, 3), again=st.booleans())
    def delete_tag(self, key: str, seldom: int, again: bool) -> None:
        """With all that it was on, and made again: what stood on the deleted one does not come back."""
        model, values = self.both.model, ONTOLOGY[key]
        if not seldom:
            self.both.ontology("DeleteLFTag", lambda: model.delete_tag(key), TagKey=key)
        if again:
            create = {"TagKey": key, "TagValues": list(values)}
            self.both.ontology("CreateLFTag", lambda: model.create_tag(key, *values), **create)

    @rule()
    def drop_and_make_again(self) -> None:
        """A table of the same name, without tags."""
        self.both.drop(PEOPLE)
        self.both.make(PEOPLE)

    @invariant()
    def same_answers(self) -> None:
        """After every step."""
        self.both.compare()

    def held(self, principal: str) -> list[Policy | Place]:
        """What something was granted on, in a lasting order."""
        found = [target for (who, target), held in self.both.model.granted.items() if who == principal and held]
        return sorted(found, key=lambda target: str(resource(target)))


Changes.TestCase.settings = QUICK
test_any_sequence_of_calls_leaves_the_same_answers = Changes.TestCase


@pytest.fixture
def both() -> Iterator[Both]:
    """See `Both`."""
    both = Both()
    yield both
    both.close()


def test_what_was_cut_off_inside_a_database_does_not_show_the_database(both: Both) -> None:
    column = (*ORDERS, "id")
    both.grant(MARKETING, ("shop",), {"DESCRIBE"}, options=True)
    both.grant(MARKETING, column, {"SELECT"}, options=True)
    both.grant(NAMES[ANALYST], column, {"SELECT"}, options=False, by=MARKETING)
    both.compare()
    both.revoke(MARKETING, column)
    both.compare()
    assert not engine.can_see_database(ANALYST, CENTRAL, "shop")


def test_a_tag_made_again_brings_nothing_back(both: Both) -> None:
    policy = Policy.of("TABLE", {"lob": {"sales"}})
    both.tag(("shop",), "lob", "sales")
    for principal, by in ((NAMES[READER], CENTRAL), (MARKETING, CENTRAL), (NAMES[ANALYST], MARKETING)):
        both.grant(principal, policy, {"SELECT"}, options=principal == MARKETING, by=by)
    both.ontology("DeleteLFTag", lambda: both.model.delete_tag("lob"), TagKey="lob")
    values = ONTOLOGY["lob"]
    create = {"TagKey": "lob", "TagValues": list(values)}
    both.ontology("CreateLFTag", lambda: both.model.create_tag("lob", *values), **create)
    both.compare()
    both.tag(ORDERS, "lob", "sales")
    both.compare()


@QUICK
@given(
    tags=st.dictionaries(st.tuples(places, st.sampled_from(sorted(ONTOLOGY))), st.integers(0, 1)),
    expression=expressions,
)
def test_an_expression_finds_and_gives_what_carries_its_tags(
    tags: dict[tuple[Place, str], int], expression: dict[str, set[str]]
) -> None:
    both = Both()
    try:
        for (place, key), which in tags.items():
            both.tag(place, key, ONTOLOGY[key][which])
        both.grant(NAMES[READER], Policy.of("TABLE", expression), {"SELECT", "DESCRIBE"}, options=False)
        both.compare()
        assert both.found_by(expression) == {place[:2] for place in both.model.found_by(expression)}
    finally:
        both.close()
