"""However a table of another account is tagged, Glue and Athena show what the model of LF-TBAC says, over the wire.

tests/sandbox/lakeformation/test_lf_tag_properties.py holds many more cases against the rules themselves.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sandbox.athena.ask import ask, refused
from tests.sandbox.glue.conftest import restored
from tests.sandbox.glue.lake import CENTRAL, DATABASE, LOCAL, MARKETING, Lake, reader_policy
from tests.support.tag_model import Place, Policy, TagModel

ONTOLOGY = {"lob": ("sales", "hr"), "level": ("open", "secret")}
ORDERS = (DATABASE, "orders")
COLUMNS = ("id", "customer", "amount")
PLACES: list[Place] = [(DATABASE,), ORDERS, *((*ORDERS, column) for column in COLUMNS)]
ANALYST = f"{MARKETING}/analyst"
READ = ["DESCRIBE", "SELECT"]

tags = st.dictionaries(
    st.tuples(st.sampled_from(PLACES), st.sampled_from(sorted(ONTOLOGY))), st.integers(0, 1), min_size=3
)
expressions = st.fixed_dictionaries(
    {"lob": st.sets(st.sampled_from(ONTOLOGY["lob"]), min_size=1)},
    optional={"level": st.sets(st.sampled_from(ONTOLOGY["level"]), min_size=1)},
)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(tags=tags, expression=expressions)
def test_a_query_shows_the_columns_whose_tags_were_granted(
    built: Lake, tags: dict[tuple[Place, str], int], expression: dict[str, set[str]]
) -> None:
    lake, model = restored(built), TagModel(CENTRAL)
    lake.sandbox.settings(ram_visibility_delay=0)
    ontology(lake, model)
    for (place, key), which in tags.items():
        assign(lake, model, place, key, ONTOLOGY[key][which])
    share(lake, model, expression)
    readable = model.selects(ANALYST, ORDERS)
    # A table of which only the name was granted is described with all its columns, as one granted by name.
    assert shown(lake) == (readable or (list(COLUMNS) if model.sees(ANALYST, ORDERS) else []))
    answer = ask(lake, "SELECT * FROM orders")
    assert (answer.rows[0] if answer.rows else []) == readable, answer.reason
    for column in [column for column in COLUMNS if column not in readable][:1]:
        assert refused(lake, f"SELECT {column} FROM orders")


def ontology(lake: Lake, model: TagModel) -> None:
    """Central's tags, and its table in the model; the other account has it by name, too, its analyst has not."""
    lakeformation = lake.client("lakeformation", CENTRAL, "admin")
    for key, values in ONTOLOGY.items():
        lakeformation.create_lf_tag(TagKey=key, TagValues=list(values))
        model.create_tag(key, *values)
    for place in PLACES:
        model.create(*place)
    model.grant(MARKETING, ORDERS, *READ, options=READ)


def assign(lake: Lake, model: TagModel, place: Place, key: str, value: str) -> None:
    """AddLFTagsToResource by central's administrator."""
    table = {"CatalogId": CENTRAL, "DatabaseName": DATABASE, "Name": "orders"}
    resource: dict[str, Any] = {"Table": table}
    if len(place) == 1:
        resource = {"Database": {"CatalogId": CENTRAL, "Name": DATABASE}}
    elif len(place) == 3:
        resource = {"TableWithColumns": {**table, "ColumnNames": [place[2]]}}
    pair = {"TagKey": key, "TagValues": [value]}
    answer = lake.client("lakeformation", CENTRAL, "admin").add_lf_tags_to_resource(Resource=resource, LFTags=[pair])
    assert answer["Failures"] == []
    model.assign(place, key, value)


def share(lake: Lake, model: TagModel, expression: dict[str, set[str]]) -> None:
    """Central shares databases and tables by tag; the other account's administrator passes the same on."""
    analyst = lake.role(MARKETING, "analyst", reader_policy())
    for name in ({"Database": {"Name": LOCAL}}, {"Table": {"DatabaseName": LOCAL, "Name": "orders"}}):
        lake.grant(MARKETING, analyst, name, ["DESCRIBE"])
    conditions = [{"TagKey": key, "TagValues": sorted(values)} for key, values in expression.items()]
    for kind, permissions in (("DATABASE", ["DESCRIBE"]), ("TABLE", READ)):
        resource = {"LFTagPolicy": {"CatalogId": CENTRAL, "ResourceType": kind, "Expression": conditions}}
        lake.grant(CENTRAL, MARKETING, resource, permissions, grantable=True)
        lake.grant(MARKETING, analyst, resource, permissions)
        policy = Policy.of(kind, expression)
        model.grant(MARKETING, policy, *permissions, options=permissions)
        model.grant(ANALYST, policy, *permissions, by=MARKETING)


def shown(lake: Lake) -> list[str]:
    """The columns that the analyst sees in the owner's catalog; none where the table does not exist for it."""
    glue = lake.client("glue", MARKETING, "analyst")
    try:
        table = glue.get_table(CatalogId=CENTRAL, DatabaseName=DATABASE, Name="orders")["Table"]
    except glue.exceptions.EntityNotFoundException:
        return []
    return [column["Name"] for column in table["StorageDescriptor"]["Columns"]]
