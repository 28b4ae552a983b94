"""register_data_product and LF-tags: placed by name, by tag or both, tagged before anybody reads it, told to whom."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from datamesh.logic.tag_work import tag_work
from datamesh.logic.tagging import column_names
from datamesh.logic.tags import matched
from datamesh.models.catalog import CatalogTable
from datamesh.models.errors import AwsTemporarilyUnavailable, CatalogInconsistent, ConflictError, RecordBusy
from datamesh.models.permissions import TagPolicyResource
from datamesh.models.registry import Drop, Save, TagGrantRecord
from tests.support.central import FakeCentral, central_with
from tests.support.central_commands import (
    MARKETING,
    NOW,
    SALES,
    product_spec,
    register_domain,
    register_product,
    table_spec,
)
from tests.support.central_fakes import share_of

NRAC, TBAC = "datamesh_sales_nrac", "datamesh_sales_tbac"
ANALYST = f"arn:aws:iam::{MARKETING}:role/analyst"
OPEN, CLOSED = {"confidentiality": "non-sensitive"}, {"confidentiality": "sensitive"}


@pytest.fixture
def central() -> FakeCentral:
    return central_with("sales", "marketing")


def grant(
    central: FakeCentral, expression: dict[str, str], *, number: int = 1, consumer: str = "marketing"
) -> TagGrantRecord:
    """Let a consumer hold a tag expression."""
    record = TagGrantRecord(
        request_id=uuid.UUID(int=number),
        consumer=consumer,
        account_id=MARKETING,
        expression={key: (value,) for key, value in expression.items()},
        principals=(ANALYST,),
        granted_at=NOW,
    )
    central.registry.write([Save(record)])
    return record


def tagged(*tables: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a product that is shared by LF-tag."""
    return product_spec(*tables, **({"access_mode": "tbac", "tags": OPEN} | changes))


def columns(**tags: dict[str, str] | None) -> list[dict[str, Any]]:
    """Return columns, each with LF-tags of its own or None."""
    return [{"name": name, "type": "string", "tags": own or {}} for name, own in tags.items()]


def rejection(central: FakeCentral, envelope: dict[str, Any]) -> dict[str, Any]:
    """Deliver a command that must be rejected and leave nothing behind; return what the sender is told."""
    before = central.state()
    assert central.deliver(envelope).path[-1] == "Command Rejected"
    assert central.state() == before
    return central.said("CommandRejected")[-1]


def registered(central: FakeCentral) -> dict[str, dict[str, Any]]:
    """Return the last two DataProductRegistered, or the only one, by access mode."""
    return {fact["access_mode"]: fact for fact in central.said("DataProductRegistered")[-2:]}


def changes_told(central: FakeCentral, account: str) -> list[dict[str, Any]]:
    """Return what an account was told of changed tags."""
    return [
        entry["Detail"]["data"]
        for entry in central.published
        if entry["DetailType"] == "DataProductTagsChanged" and entry["Detail"]["metadata"]["target_account"] == account
    ]


# --- placement ---


def test_a_product_shared_by_name_has_no_tags_and_no_second_database(central: FakeCentral) -> None:
    central.deliver(register_product())
    assert {database for database, _ in central.catalog.tables} == {NRAC}
    assert list(registered(central)) == ["nrac"]
    assert central.said("DataProductTagsChanged") == []


def test_a_product_shared_by_tag_lies_in_the_tagged_database_only(central: FakeCentral) -> None:
    flights = table_spec("flights", tags={"classification": "internal"}, columns=columns(a=None, b=CLOSED))
    assert central.deliver(register_product(tagged(flights))).path[-1] == "Product Registered"
    assert set(central.catalog.tables) == {(TBAC, "flights")}
    assert central.catalog.tables[TBAC, "flights"].location is not None
    assert central.lf_tags.on_tables[TBAC, "flights"] == OPEN | {"classification": "internal"}
    assert central.lf_tags.on_columns[TBAC, "flights", "b"] == CLOSED
    fact = registered(central)["tbac"]
    assert (fact["database"], fact["expression"]) == (TBAC, {"lob": ["sales"]})
    assert fact["resource_shares"] == [share_of(SALES)]
    assert [table["outcome"] for table in fact["tables"]] == ["created"]
    assert central.lake_formation.on_table(SALES, "flights", TBAC) == frozenset()


def test_a_product_shared_both_ways_is_said_twice_with_two_ids(central: FakeCentral) -> None:
    central.deliver(register_product(tagged(access_mode="both")))
    assert set(central.catalog.tables) == {(NRAC, "flights"), (TBAC, "flights")}
    assert {mode: fact["database"] for mode, fact in registered(central).items()} == {"nrac": NRAC, "tbac": TBAC}
    said = [entry for entry in central.published if entry["DetailType"] == "DataProductRegistered"]
    assert len({entry["Detail"]["metadata"]["event_id"] for entry in said}) == 2
    assert central.lake_formation.on_table(SALES, "flights") == {"SELECT", "DESCRIBE", "ALTER"}


def test_the_tables_tag_wins_over_the_products(central: FakeCentral) -> None:
    central.deliver(register_product(tagged(table_spec("flights", tags=CLOSED), table_spec("airports"))))
    assert central.lf_tags.on_tables[TBAC, "flights"] == CLOSED
    assert central.lf_tags.on_tables[TBAC, "airports"] == OPEN


def test_defaults_are_cleared_in_the_tagged_database_too(central: FakeCentral) -> None:
    central.catalog.default_permissions = True
    central.deliver(register_product(tagged(access_mode="both")))
    assert "IAM_ALLOWED_PRINCIPALS" not in {who for who, _ in central.lake_formation.granted}


# --- mode ---


@pytest.mark.parametrize("first", ["nrac", "tbac"])
def test_the_mode_may_widen_and_what_was_shared_stays(central: FakeCentral, first: str) -> None:
    tags = {} if first == "nrac" else OPEN
    central.deliver(register_product(product_spec(access_mode=first, tags=tags)))
    central.deliver(register_product(tagged(access_mode="both"), minute=1))
    record = central.registry.product("sales", "air_travel")
    assert record is not None
    assert (record.access_mode, record.pending_mode) == ("both", None)
    assert set(central.catalog.tables) == {(NRAC, "flights"), (TBAC, "flights")}
    new = "tbac" if first == "nrac" else "nrac"
    assert registered(central)[new]["tables"][0]["outcome"] == "created"
    assert registered(central)[first]["outcome"] == "updated"


@pytest.mark.parametrize(("first", "then"), [("both", "nrac"), ("both", "tbac"), ("nrac", "tbac"), ("tbac", "nrac")])
def test_the_mode_never_narrows(central: FakeCentral, first: str, then: str) -> None:
    central.deliver(register_product(product_spec(access_mode=first)))
    told = rejection(central, register_product(product_spec(access_mode=then), minute=1))
    assert (told["code"], told["field"]) == ("AccessModeNarrowed", "product.access_mode")


def test_a_late_command_does_not_narrow_the_mode(central: FakeCentral) -> None:
    central.deliver(register_product(tagged(access_mode="both"), minute=9))
    late = product_spec(table_spec("airports"), access_mode="nrac")
    assert central.deliver(register_product(late, minute=1)).path[-1] == "Product Registered"
    record = central.registry.product("sales", "air_travel")
    assert record is not None
    assert record.access_mode == "both"
    assert (TBAC, "airports") in central.catalog.tables


def test_a_widening_that_died_on_the_way_is_not_forgotten(central: FakeCentral) -> None:
    central.deliver(register_product())
    central.fail_once("tables", ConflictError("died"), when="after")
    assert central.deliver(register_product(tagged(access_mode="both"), minute=1)).status == "FAILED"
    record = central.registry.product("sales", "air_travel")
    assert record is not None
    assert (record.access_mode, record.pending_mode) == ("nrac", "both")
    told = rejection(central, register_product(minute=2))
    assert told["code"] == "AccessModeNarrowed"
    central.deliver(register_product(tagged(access_mode="both"), minute=3))
    assert registered(central)["tbac"]["tables"][0]["outcome"] == "created"


def test_a_first_registration_that_made_tables_cannot_change_its_mode(central: FakeCentral) -> None:
    central.fail_once("tables", ConflictError("died"), when="after")
    central.deliver(register_product(tagged()))
    assert rejection(central, register_product(minute=1))["code"] == "AccessModeNarrowed"


def test_a_first_registration_that_made_nothing_can_change_its_mode(central: FakeCentral) -> None:
    central.fail_once("tables", ConflictError("died"))
    central.deliver(register_product(tagged()))
    assert central.deliver(register_product(minute=1)).path[-1] == "Product Registered"


# --- refusals ---


@pytest.mark.parametrize(
    ("product", "code", "field"),
    [
        (tagged(tags={"nosuch": "x"}), "UnknownTag", "product.tags.nosuch"),
        (tagged(tags={"confidentiality": "maybe"}), "UnknownTag", "product.tags.confidentiality"),
        (tagged(tags={"lob": "sales"}), "ReservedTagKey", "product.tags.lob"),
        (tagged(table_spec("flights", tags={"nosuch": "x"})), "UnknownTag", "product.tables.0.tags.nosuch"),
        (
            tagged(
                table_spec("airports"),
                table_spec("flights", columns=columns(a=None, b={"confidentiality": "maybe"})),
            ),
            "UnknownTag",
            "product.tables.1.columns.1.tags.confidentiality",
        ),
        (
            tagged(
                table_spec("flights", partition_keys=[{"name": "month", "type": "string", "tags": {"lob": "finance"}}])
            ),
            "ReservedTagKey",
            "product.tables.0.partition_keys.0.tags.lob",
        ),
    ],
)
def test_tags_that_are_not_the_meshs_are_refused_with_the_field(
    central: FakeCentral, product: dict[str, Any], code: str, field: str
) -> None:
    told = rejection(central, register_product(product))
    assert (told["code"], told["field"]) == (code, field)


def test_tags_of_a_product_shared_by_name_are_refused(central: FakeCentral) -> None:
    assert rejection(central, register_product(product_spec(tags=OPEN)))["code"] == "InvalidCommand"


def test_more_tags_than_a_table_takes_are_refused_whoever_names_them(central: FakeCentral) -> None:
    names = [{f"key_{number}_{part}": "x" for number in range(25)} for part in ("a", "b")]
    told = rejection(central, register_product(tagged(table_spec("flights", tags=names[0]), tags=names[1])))
    assert (told["code"], told["field"]) == ("InvalidCommand", "product.tags")
    assert "50 LF-tags" in told["message"]


def test_a_value_that_was_dropped_since_the_command_was_admitted_is_refused(central: FakeCentral) -> None:
    command = register_product(tagged())
    central.step("register_data_product", "admit", command)
    central.lf_tags.known["confidentiality"] = {"sensitive"}
    assert central.step("register_data_product", "tables", command)["code"] == "UnknownTag"
    assert central.catalog.tables == {}


@pytest.mark.parametrize(
    "product",
    [
        tagged(pii=True),
        tagged(classification=None),
        tagged(classification="restricted"),
        tagged(table_spec("flights", columns=[{"name": "a", "type": "string", "pii": True}])),
        tagged(table_spec("flights", tags={"classification": "confidential"})),
        tagged(table_spec("flights", columns=columns(a={"classification": "restricted"}))),
        # A crawler would add it before it could be tagged.
        tagged(table_spec("flights", columns=[{"name": "a", "pii": True, "tags": CLOSED}])),
        tagged(table_spec("flights", columns=[{"name": "a", "tags": CLOSED}])),
    ],
)
def test_what_a_standing_grant_would_show_must_not_be_sensitive(central: FakeCentral, product: dict[str, Any]) -> None:
    grant(central, OPEN)
    told = rejection(central, register_product(product))
    assert (told["code"], told["field"]) == ("ExposesSensitive", "product.tags")
    assert "marketing would see flights" in told["message"]


@pytest.mark.parametrize(
    "product",
    [
        # Not what the grant is for.
        tagged(tags=CLOSED, pii=True),
        # The sensitive column is hidden by its own tags.
        tagged(table_spec("flights", columns=[{"name": "a", "type": "string", "pii": True, "tags": CLOSED}])),
        tagged(table_spec("flights", columns=columns(a=None, b=CLOSED))),
    ],
)
def test_what_no_standing_grant_shows_may_be_sensitive(central: FakeCentral, product: dict[str, Any]) -> None:
    grant(central, OPEN)
    assert central.deliver(register_product(product)).path[-1] == "Product Registered"


def test_people_are_asked_about_what_a_standing_grant_would_show(central: FakeCentral) -> None:
    grant(central, OPEN)
    command = register_product(tagged(table_spec("flights", columns=[{"name": "a", "type": "string", "pii": True}])))
    told = rejection(central, command)
    assert "send the command again" in told["message"]
    [asked] = central.said("WidenDataProductAccess")
    [standing] = central.registry.tag_grants()
    assert asked["widens"] == str(standing.request_id)
    assert (asked["producer"], asked["database"], asked["columns"]) == ("sales", TBAC, {"flights": ["a"]})
    assert "flights.a is declared as personal data" in asked["reasons"]
    # Asked again it is the same question.
    rejection(central, command)
    assert len({each["request_id"] for each in central.said("WidenDataProductAccess")}) == 1


@pytest.mark.parametrize("approved", [f"{TBAC}.flights.a", f"{TBAC}.flights.*"])
def test_what_people_approved_may_be_shown_by_a_standing_grant(central: FakeCentral, approved: str) -> None:
    grant(central, OPEN)
    [standing] = central.registry.tag_grants()
    update = {"approved": (approved,), "version": standing.version + 1}
    central.registry.write([Save(standing.model_copy(update=update))])
    product = tagged(table_spec("flights", columns=[{"name": "a", "type": "string", "pii": True}]))
    assert central.deliver(register_product(product)).path[-1] == "Product Registered"


def test_a_change_of_tags_that_would_show_something_sensitive_is_refused(central: FakeCentral) -> None:
    central.deliver(register_product(tagged(tags=CLOSED, pii=True)))
    grant(central, OPEN)
    assert rejection(central, register_product(tagged(pii=True), minute=1))["code"] == "ExposesSensitive"


def test_what_is_seen_already_is_no_gain(central: FakeCentral) -> None:
    flights = table_spec("flights", columns=columns(a=None))
    central.deliver(register_product(tagged(flights)))
    grant(central, OPEN)
    described = table_spec("flights", columns=columns(a=None), description="Departures")
    assert central.deliver(register_product(tagged(described), minute=1)).path[-1] == "Product Registered"


@pytest.mark.parametrize(
    "sensitive",
    [{"pii": True}, {"classification": "confidential"}, {"columns": [{"name": "a", "type": "string", "pii": True}]}],
)
def test_access_that_would_go_on_showing_what_became_sensitive_ends_first(
    central: FakeCentral, sensitive: dict[str, Any]
) -> None:
    central.deliver(register_product(tagged(table_spec("flights", columns=columns(a=None)))))
    standing = grant(central, OPEN)
    table = table_spec("flights", columns=sensitive.pop("columns", columns(a=None)))
    command = register_product(tagged(table, **sensitive), minute=1)
    told = rejection(central, command)
    assert told["code"] == "ExposesSensitive"
    assert "is being ended" in told["message"]
    [ending] = central.said("RevokeDataProductAccess")
    assert (ending["request_id"], ending["domain"]) == (str(standing.request_id), None)
    central.registry.write([Drop(standing)])
    assert central.deliver(command).path[-1] == "Product Registered"


def test_what_became_sensitive_may_be_hidden_by_other_tags_in_the_same_command(central: FakeCentral) -> None:
    central.deliver(register_product(tagged(table_spec("flights", columns=columns(a=None, b=None)))))
    grant(central, OPEN)
    hidden = [{"name": "a", "type": "string", "pii": True, "tags": CLOSED}, {"name": "b", "type": "string"}]
    command = register_product(tagged(table_spec("flights", columns=hidden)), minute=1)
    assert central.deliver(command).path[-1] == "Product Registered"
    assert central.said("RevokeDataProductAccess") == []


# --- nobody reads a table by what it inherits alone ---


def test_a_new_table_with_tags_has_no_location_until_it_has_its_tags(central: FakeCentral) -> None:
    seen: list[tuple[str | None, dict[str, str]]] = []
    for name in ("set_table_tags", "set_column_tags"):
        original = getattr(central.lf_tags, name)

        def watched(database: str, table: str, wanted: Any, original: Any = original) -> None:
            seen.append((central.catalog.tables[database, table].location, wanted))
            original(database, table, wanted)

        setattr(central.lf_tags, name, watched)
    central.deliver(register_product(tagged(table_spec("flights", columns=columns(a=CLOSED)))))
    assert len(seen) == 2
    assert [location for location, _ in seen] == [None, None]
    assert central.catalog.tables[TBAC, "flights"].location is not None


def test_a_table_that_was_left_behind_without_its_tags_is_finished(central: FakeCentral) -> None:
    command = register_product(tagged(table_spec("flights", columns=columns(a=CLOSED))))
    set_column_tags = central.lf_tags.set_column_tags

    def dies(*_: Any) -> None:
        raise AwsTemporarilyUnavailable("busy")

    central.step("register_data_product", "admit", command)
    central.lf_tags.set_column_tags = dies  # type: ignore[assignment,method-assign]
    with pytest.raises(AwsTemporarilyUnavailable):
        central.step("register_data_product", "tables", command)
    assert central.catalog.tables[TBAC, "flights"].location is None
    assert central.registry.tag_work() is None
    central.lf_tags.set_column_tags = set_column_tags  # type: ignore[method-assign]
    result = central.step("register_data_product", "tables", command)
    assert result["tables"] == [{"mode": "tbac", "name": "flights", "outcome": "created"}]
    assert central.catalog.tables[TBAC, "flights"].location is not None
    assert central.lf_tags.on_columns[TBAC, "flights", "a"] == CLOSED


@pytest.mark.parametrize(("tags", "hidden"), [(CLOSED, True), (OPEN, False), (None, False)])
def test_a_new_column_of_a_table_in_use_is_tagged_before_it_is_read(
    central: FakeCentral, tags: dict[str, str] | None, hidden: bool
) -> None:
    central.deliver(register_product(tagged(table_spec("flights", columns=columns(a=None)))))
    grant(central, OPEN)
    locations: list[str | None] = []
    update = central.catalog.update_table

    def watched(database: str, table: CatalogTable) -> None:
        locations.append(table.location)
        update(database, table)

    central.catalog.update_table = watched  # type: ignore[method-assign]
    new = table_spec("flights", columns=columns(a=None, b=tags))
    assert central.deliver(register_product(tagged(new), minute=1)).path[-1] == "Product Registered"
    assert [location is None for location in locations] == ([True, False] if hidden else [False])
    assert central.catalog.tables[TBAC, "flights"].location is not None


def test_a_new_column_that_a_standing_grant_would_show_must_not_be_sensitive(central: FakeCentral) -> None:
    central.deliver(register_product(tagged(table_spec("flights", columns=columns(a=None)))))
    grant(central, CLOSED)
    new = table_spec("flights", columns=columns(a=None, b=CLOSED))
    assert rejection(central, register_product(tagged(new), minute=1))["code"] == "ExposesSensitive"


def test_others_wait_while_tags_are_worked_on(central: FakeCentral) -> None:
    command = register_product(tagged())
    central.step("register_data_product", "admit", command)
    with tag_work(central.registry, "somebody/grant", central.now), pytest.raises(RecordBusy):
        central.step("register_data_product", "tables", command)
    assert central.step("register_data_product", "tables", command)["outcome"] == "created"


def test_a_product_shared_by_name_waits_for_nobody(central: FakeCentral) -> None:
    with tag_work(central.registry, "somebody/grant", central.now):
        assert central.deliver(register_product()).path[-1] == "Product Registered"


# --- told to whom ---


def test_the_producer_and_those_concerned_are_told_who_gains_what(central: FakeCentral) -> None:
    standing = grant(central, OPEN)
    grant(central, {"classification": "public"}, number=2, consumer="finance")
    flights = table_spec("flights", columns=columns(a=None, b=CLOSED))
    central.deliver(register_product(tagged(flights, table_spec("airports", tags={"confidentiality": "sensitive"}))))
    [to_producer], [to_consumer] = changes_told(central, SALES), changes_told(central, MARKETING)
    assert [table["name"] for table in to_producer["tables"]] == ["airports", "flights"]
    gain = {
        "consumer": "marketing",
        "principals": [ANALYST],
        "table": "flights",
        "effect": "gained",
        "gained": ["a"],
        "gained_count": 1,
        "lost": [],
        "lost_count": 0,
    }
    assert gain in to_producer["changes"]
    assert to_consumer["changes"] == [gain]
    assert [table["name"] for table in to_consumer["tables"]] == ["flights"]
    assert to_consumer["tables"][0]["tags"] == {"lob": "sales"} | OPEN
    assert [row["request_id"] for row in to_consumer["grants"]] == [str(standing.request_id)]
    assert to_consumer["grants"][0]["expression"] == {"confidentiality": ["non-sensitive"]}
    assert (to_consumer["database"], to_producer["grants"]) == (TBAC, [])


def test_taking_a_tag_away_is_told_to_who_loses_by_it(central: FakeCentral) -> None:
    grant(central, OPEN)
    central.deliver(register_product(tagged(table_spec("flights", columns=columns(a=None, b=None)))))
    central.deliver(register_product(tagged(table_spec("flights", columns=columns(a=None, b=CLOSED))), minute=1))
    narrowed = changes_told(central, MARKETING)[-1]["changes"]
    assert [(change["effect"], change["lost"]) for change in narrowed] == [("narrowed", ["b"])]
    central.deliver(register_product(tagged(tags={}), minute=2))
    lost = changes_told(central, MARKETING)[-1]
    assert [(change["effect"], change["lost"]) for change in lost["changes"]] == [("lost", ["a"])]
    assert lost["grants"] == []
    recorded = [item for key, item in central.registry.items.items() if key.sk.startswith("TAGCHANGE#")]
    assert len(recorded) == 3


def test_what_changes_nothing_is_told_to_nobody(central: FakeCentral) -> None:
    grant(central, OPEN)
    central.deliver(register_product(tagged()))
    before = len(central.said("DataProductTagsChanged"))
    central.deliver(register_product(tagged(description="Other words"), minute=1))
    assert len(central.said("DataProductTagsChanged")) == before


@pytest.mark.parametrize("step", ["tables", "grant", "record", "tell", "confirm"])
def test_a_lost_answer_changes_nothing_about_what_is_told(step: str) -> None:
    told = []
    for broken in (False, True):
        central = central_with("sales", "marketing")
        grant(central, OPEN)
        if broken:
            central.fail_once(step, AwsTemporarilyUnavailable("lost"), when="after")
        central.deliver(register_product(tagged(access_mode="both"), event_id=uuid.UUID(int=9)))
        told.append(
            {entry["Detail"]["metadata"]["event_id"]: entry["Detail"]["data"] for entry in central.published[2:]}
        )
    assert told[0] == told[1]


def test_more_consumers_than_one_call_tells_are_all_told(central: FakeCentral) -> None:
    names = [f"consumer_{number}" for number in range(25)]
    template = central.registry.domain("marketing")
    assert template is not None
    for number, name in enumerate(names):
        account = f"{number + 600_000_000_000}"
        central.registry.items[template.model_copy(update={"domain": name}).key] = template.model_copy(
            update={"domain": name, "account_id": account}
        )
        grant(central, OPEN, number=number, consumer=name)
    assert central.deliver(register_product(tagged())).path[-1] == "Product Registered"
    told = [entry for entry in central.published if entry["DetailType"] == "DataProductTagsChanged"]
    assert len(told) == 26
    assert len({entry["Detail"]["metadata"]["event_id"] for entry in told}) == 26


def test_a_repeated_command_is_a_duplicate(central: FakeCentral) -> None:
    command = register_product(tagged(access_mode="both"))
    central.deliver(command)
    before, said = central.state(), len(central.published)
    assert central.deliver(command).path[-1] == "Already Done"
    assert (central.state(), len(central.published)) == (before, said)


# --- what must be there ---


def test_a_database_without_its_domains_tag_is_not_published(central: FakeCentral) -> None:
    command = register_product(tagged())
    central.step("register_data_product", "admit", command)
    central.lf_tags.on_databases[TBAC] = {}
    with pytest.raises(CatalogInconsistent, match="register the domain"):
        central.step("register_data_product", "tables", command)


def test_a_producer_that_does_not_hold_its_own_tag_is_waited_for(central: FakeCentral) -> None:
    central.lake_formation.granted = {
        (who, what): held
        for (who, what), held in central.lake_formation.granted.items()
        if not isinstance(what, TagPolicyResource)
    }
    assert central.deliver(register_product(tagged())).error == "GrantNotVisible"


def test_central_as_a_domain_holds_its_own_tables() -> None:
    central = FakeCentral(account_id=SALES)
    central.deliver(register_domain())
    assert central.deliver(register_product(tagged())).path[-1] == "Product Registered"
    assert registered(central)["tbac"]["resource_shares"] == []


def test_a_consumer_whose_domain_is_gone_is_not_told(central: FakeCentral) -> None:
    grant(central, OPEN)
    marketing = central.registry.domain("marketing")
    assert marketing is not None
    central.registry.write([Drop(marketing)])
    assert central.deliver(register_product(tagged())).path[-1] == "Product Registered"
    assert changes_told(central, MARKETING) == []


def test_a_new_column_is_tagged_before_its_table_gets_tags_that_would_show_it(central: FakeCentral) -> None:
    internal = {"classification": "internal"}
    central.deliver(register_product(tagged(table_spec("flights", columns=columns(b=internal)))))
    grant(central, OPEN | internal)
    shown: list[dict[str, str]] = []
    set_table_tags = central.lf_tags.set_table_tags

    def watched(database: str, table: str, wanted: Any) -> None:
        set_table_tags(database, table, wanted)
        shown.append(dict(central.lf_tags.on_columns.get((TBAC, "flights", "a"), {})))

    central.lf_tags.set_table_tags = watched  # type: ignore[method-assign]
    new = table_spec("flights", columns=columns(a=CLOSED), tags=internal)
    central.deliver(register_product(tagged(new), minute=1))
    assert central.lf_tags.on_tables[TBAC, "flights"] == OPEN | internal
    assert shown[-1] == CLOSED | internal


def readable(central: FakeCentral, *expressions: dict[str, str]) -> set[str]:
    """Return the columns of flights that a principal with these expressions reads now."""
    table = central.catalog.tables.get((TBAC, "flights"))
    if table is None or table.location is None:
        return set()
    tags = central.lf_tags.table_tags(TBAC, "flights").model_copy(update={"column_names": column_names(table)})
    return set(matched([{key: (value,) for key, value in each.items()} for each in expressions], tags).columns)


def watch(central: FakeCentral, *expressions: dict[str, str]) -> list[set[str]]:
    """Note after every change of the catalog or of tags what a principal reads."""
    seen: list[set[str]] = []

    def noting(act: Any) -> Any:
        def acted(*given: Any) -> Any:
            result = act(*given)
            seen.append(readable(central, *expressions))
            return result

        return acted

    for owner, names in (
        (central.catalog, ("create_table", "update_table")),
        (central.lf_tags, ("set_table_tags", "set_column_tags")),
    ):
        for name in names:
            setattr(owner, name, noting(getattr(owner, name)))
    return seen


def test_a_new_column_that_inherits_is_not_read_by_tags_that_its_table_loses(central: FakeCentral) -> None:
    central.deliver(register_product(tagged(table_spec("flights", columns=columns(a=None)))))
    grant(central, OPEN)
    seen = watch(central, OPEN)
    new = table_spec("flights", columns=columns(a=None, passport=None), tags=CLOSED)
    assert central.deliver(register_product(tagged(new), minute=1)).path[-1] == "Product Registered"
    assert seen
    assert not any("passport" in columns for columns in seen)
    assert central.catalog.tables[TBAC, "flights"].location is not None


def test_a_table_that_was_left_behind_with_other_tags_is_not_read_by_them(central: FakeCentral) -> None:
    first = register_product(tagged(table_spec("flights", columns=columns(a=CLOSED))))
    set_column_tags = central.lf_tags.set_column_tags

    def dies(*_: Any) -> None:
        raise CatalogInconsistent("gone")

    central.lf_tags.set_column_tags = dies  # type: ignore[assignment,method-assign]
    assert central.deliver(first).path[-1] == "Product Registration Failed"
    assert central.lf_tags.on_tables[TBAC, "flights"] == OPEN
    central.lf_tags.set_column_tags = set_column_tags  # type: ignore[method-assign]
    grant(central, OPEN)
    seen = watch(central, OPEN)
    secret = table_spec("flights", columns=[{"name": "passport", "type": "string", "pii": True}])
    assert central.deliver(register_product(tagged(secret, tags={}), minute=1)).path[-1] == "Product Registered"
    assert not any(seen)
    assert central.lf_tags.on_tables[TBAC, "flights"] == {}


@pytest.mark.parametrize("more", [{"pii": True}, {"tags": CLOSED}], ids=["flag", "tag"])
def test_what_is_said_of_a_column_before_it_is_found_is_heeded(central: FakeCentral, more: dict[str, Any]) -> None:
    central.deliver(register_product(tagged(table_spec("flights", columns=[{"name": "passport"}]))))
    grant(central, OPEN)
    new = table_spec("flights", columns=[{"name": "passport"} | more])
    told = rejection(central, register_product(tagged(new), minute=1))
    assert told["code"] == "ExposesSensitive"
    typed = table_spec("flights", columns=[{"name": "passport", "type": "string", "pii": True, "tags": CLOSED}])
    assert central.deliver(register_product(tagged(typed), minute=2)).path[-1] == "Product Registered"
    assert readable(central, OPEN) == set()


def test_a_table_takes_50_tags_with_those_of_its_product_and_its_domain(central: FakeCentral) -> None:
    central.lf_tags.known |= {f"key_{number:02}": {"x"} for number in range(50)}
    of_product = {f"key_{number:02}": "x" for number in range(25)}
    of_table = {f"key_{number:02}": "x" for number in range(25, 49)}
    column = {"name": "a", "type": "string", "tags": {"key_49": "x"}}
    full = table_spec("flights", tags=of_table)
    too_full = table_spec("flights", tags=of_table, columns=[column])
    told = rejection(central, register_product(tagged(too_full, tags=of_product)))
    assert (told["code"], told["field"]) == ("InvalidCommand", "product.tables.0.tags")
    assert "flights.a would carry 51 LF-tags" in told["message"]
    assert central.deliver(register_product(tagged(full, tags=of_product), minute=1)).path[-1] == "Product Registered"
