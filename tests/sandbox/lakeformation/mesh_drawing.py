"""What domains may declare, ask for and suffer, drawn at random."""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.support.central_commands import ACCOUNTS, bucket_of, event, request_access
from tests.support.sandbox_mesh import PEOPLE, Envelope, Fate, SandboxMesh, role

DOMAINS = tuple(ACCOUNTS)
TABLES = ("goods", "orders")
# What crawlers find: columns that were declared, or not.
FOUND = (("note",), ("email", "note"), ("extra",))
EXPRESSIONS: tuple[dict[str, list[str]], ...] = (
    {"lob": ["finance"]},
    {"lob": ["finance", "marketing", "sales"]},
    {"channel": ["web"]},
    {"channel": ["shop"], "confidentiality": ["non-sensitive"]},
    {"channel": ["shop", "web"], "confidentiality": ["non-sensitive"]},
    {"confidentiality": ["non-sensitive"], "lob": ["marketing", "sales"]},
    {"confidentiality": ["sensitive"]},
    {"classification": ["internal", "public"]},
    {"channel": ["web"], "classification": ["internal", "public"], "lob": ["marketing", "sales"]},
)


class Crash(NamedTuple):
    """An invocation dies at its so many-th call; what then becomes of it; whether the command is sent again."""

    at: int
    fate: Fate
    sent_again: bool


def mostly(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    """Return the usual, and now and then something else."""
    return st.sampled_from([usual] * 7 * len(others) + [*others])


domains = st.sampled_from(DOMAINS)
people = st.sets(st.sampled_from(PEOPLE), min_size=1)
tags = st.fixed_dictionaries(
    {},
    optional={
        "channel": st.sampled_from(("shop", "web")),
        "confidentiality": mostly("non-sensitive", "sensitive"),
        "classification": mostly("internal", "public", "confidential"),
    },
)
few_tags = st.one_of(st.just({}), tags)
declared = st.fixed_dictionaries(
    {"type": st.sampled_from(("string", None)), "pii": mostly(False, None, True), "tags": few_tags}
)
columns = st.fixed_dictionaries({}, optional=dict.fromkeys(("id", "email", "note"), declared))
table_specs = st.fixed_dictionaries({"tags": few_tags, "columns": columns})
products = st.fixed_dictionaries(
    {
        "access_mode": mostly("both", "tbac", "nrac"),
        "classification": mostly("internal", "public", "confidential", None),
        "pii": mostly(False, True, None),
        "tags": tags,
        "tables": st.dictionaries(st.sampled_from(TABLES), table_specs, min_size=1),
        "wrong": mostly({}, {"channel": "nowhere"}, {"lob": "sales"}),
    }
)
fates: st.SearchStrategy[Fate] = st.sampled_from(("again", "failed", "gone"))
crashes = st.builds(Crash, st.integers(0, 70), fates, st.booleans())


def _column(kind: str | None = "string", pii: bool | None = False, **tags: str) -> dict[str, Any]:
    return {"type": kind, "pii": pii, "tags": tags}


def _goods(mode: str, tags: dict[str, str], **columns: dict[str, Any]) -> dict[str, Any]:
    table = {"tags": {}, "columns": columns}
    what = {"classification": "internal", "pii": False, "wrong": {}}
    return {**what, "access_mode": mode, "tags": tags, "tables": {"goods": table}}


SOMETHING = {
    # The personal column is tagged otherwise.
    "sales": _goods(
        "both",
        {"channel": "web", "confidentiality": "non-sensitive"},
        id=_column(),
        email=_column(pii=True, channel="shop", confidentiality="sensitive"),
        note=_column(None, None, channel="shop"),
    ),
    # The personal column would be shown to whoever was granted the website's, if it were there.
    "marketing": _goods(
        "tbac", {"channel": "shop"}, id=_column(channel="web"), note=_column(None, pii=True, channel="web")
    ),
    # All would be shown to them, if the domain's tags were the website's.
    "finance": _goods("both", {}, id=_column(), email=_column(pii=True)),
}
"""What domains have where there is something already."""
# Few, so that they come to what is granted and leave it again.
quiet_tags = st.sampled_from(
    ({}, {"channel": "shop"}, {"channel": "web"}, {"channel": "web", "confidentiality": "non-sensitive"})
)
other_tags = st.fixed_dictionaries(
    {
        "product": quiet_tags,
        "name": st.sampled_from((*TABLES, "returns")),
        "table": quiet_tags,
        "columns": st.fixed_dictionaries(dict.fromkeys(("id", "email", "note"), quiet_tags)),
    }
)


def tagged_anew(domain: str, drawn: dict[str, Any]) -> dict[str, Any]:
    """Return what a domain has, or a table just like it without anything personal, with other LF-tags."""
    goods = SOMETHING[domain]["tables"]["goods"]
    quiet = {} if drawn["name"] == "goods" else {"pii": False}
    columns = {
        name: {**column, **quiet, "tags": drawn["columns"].get(name, {})} for name, column in goods["columns"].items()
    }
    table = {"tags": drawn["table"], "columns": columns}
    return {**SOMETHING[domain], "access_mode": "both", "tags": drawn["product"], "tables": {drawn["name"]: table}}


def manifest(domain: str, drawn: dict[str, Any]) -> dict[str, Any]:
    """Return a product as a command declares it; without LF-tags if it is shared by name only."""
    by_name = drawn["access_mode"] == "nrac"

    def tagged(found: dict[str, str]) -> dict[str, str]:
        return {} if by_name else dict(found)

    return {
        "name": "one",
        "description": "Whatever",
        "classification": drawn["classification"],
        "pii": drawn["pii"],
        "access_mode": drawn["access_mode"],
        "tags": tagged(drawn["tags"] | drawn["wrong"]),
        "tables": [
            {
                "name": name,
                "location": f"s3://{bucket_of(ACCOUNTS[domain])}/products/one/{name}/",
                "format": "parquet",
                "tags": tagged(table["tags"]),
                "columns": [
                    {**column, "name": column_name, "tags": tagged(column["tags"])}
                    for column_name, column in table["columns"].items()
                ],
            }
            for name, table in drawn["tables"].items()
        ],
    }


def product_command(mesh: SandboxMesh, domain: str, drawn: dict[str, Any], late: int = 0) -> Envelope:
    """Return a RegisterDataProduct, said so many minutes ago."""
    data = {"domain": domain, "product": manifest(domain, drawn)}
    return event("RegisterDataProduct", data, account=ACCOUNTS[domain], minute=mesh.minute - late)


def request(mesh: SandboxMesh, domain: str, names: set[str], **asked: Any) -> Envelope:
    """Return a RequestDataProductAccess."""
    principals = [role(ACCOUNTS[domain], name) for name in sorted(names)]
    more = {"product": None, **asked, "domain": domain, "principals": principals}
    return request_access(account=ACCOUNTS[domain], minute=mesh.minute, **more)
