"""What the mesh's people decide and policies say, and what else of access is drawn at random."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

from hypothesis import strategies as st

from datamesh.models.people import Person
from datamesh.models.policy import DEFAULT_POLICY, ApprovalPolicy, Conditions, Rule, Stage
from tests.sandbox.lakeformation.mesh_drawing import DOMAINS, TABLES, mostly
from tests.support.access_mesh import GOVERNORS, OWNERS, AccessMesh
from tests.support.central_commands import ACCOUNTS, CENTRAL, event
from tests.support.sandbox_mesh import Envelope, role

COLUMNS = ("email", "id", "note")
GOVERNANCE = "governance"
GROUPS = {
    GOVERNANCE: (
        *(Person(email=email) for email in GOVERNORS[:2]),
        # Of a domain: there nobody may decide on what the own domain asks for.
        Person(email=GOVERNORS[2], domain=DOMAINS[0]),
    )
}
OWNERS_STAGE = Stage(name="owners", approvers=("product_owners",), deadline_hours=48)
POLICIES: dict[str, ApprovalPolicy] = {
    "default": DEFAULT_POLICY,
    "two stages": ApprovalPolicy(
        groups=GROUPS,
        rules=(
            Rule(name="open", when=Conditions(sensitive=False), max_duration_days=90),
            Rule(
                name="guarded",
                stages=(
                    OWNERS_STAGE,
                    Stage(name=GOVERNANCE, approvers=(GOVERNANCE,), quorum=2, deadline_hours=24),
                ),
                max_duration_days=30,
            ),
        ),
    ),
    "all that is open": ApprovalPolicy(
        rules=(
            # It never speaks of what is sensitive, because nobody is asked.
            Rule(name="internal", when=Conditions(classifications=("internal", "public"))),
            Rule(name="rest", stages=(OWNERS_STAGE,)),
        )
    ),
    "to the account": ApprovalPolicy(
        groups=GROUPS,
        rules=(
            Rule(name="open", when=Conditions(sensitive=False)),
            Rule(
                name="guarded",
                stages=(
                    Stage(
                        name="both",
                        approvers=("product_owners",),
                        quorum=2,
                        deadline_hours=24,
                        on_deadline="escalate",
                        escalate_to=(GOVERNANCE,),
                    ),
                ),
                grant_to="account",
            ),
        ),
    ),
}
# Who decides at a stage, by its name, as whoever wrote these policies means it: how many of whom of each producer, and
# how many of governance.
QUORUMS: Mapping[str, tuple[int, int]] = {"owners": (1, 0), GOVERNANCE: (0, 2), "both": (2, 0)}


class Asked(NamedTuple):
    """What somebody asked for, by name: columns and rows by table, {} for all."""

    domain: str
    principals: frozenset[str]
    owner: str | None
    tables: tuple[str, ...] | None
    columns: Mapping[str, tuple[str, ...]]
    rows: Mapping[str, str]
    later: bool
    duration: int | None
    requested_by: str | None


ROWS = ("id = 'a'", "note IS NOT NULL AND id <> 'b'")
asks = st.fixed_dictionaries(
    {
        "tables": st.sampled_from((None, None, ("goods",), ("orders",), TABLES)),
        "columns": st.one_of(st.none(), st.sets(st.sampled_from(COLUMNS), min_size=1)),
        "rows": mostly(None, *ROWS),
        "later": st.booleans(),
        "duration": st.sampled_from((None, 2, 20, 60)),
        "purpose": st.sampled_from((None, "analytics")),
        "by": mostly("somebody", "owner", "governor", None),
    }
)
declared_again = st.fixed_dictionaries(
    {
        "name": st.sampled_from((*TABLES, "goods", "returns")),
        "flags": st.dictionaries(st.sampled_from(COLUMNS), st.sampled_from((True, False, None)), max_size=2),
        "classification": mostly("internal", "confidential", None),
        "pii": mostly(False, True, None),
    }
)


def asker(kind: str | None, domain: str, owner: str | None) -> str | None:
    """Return who asks: mostly nobody who may decide."""
    match kind:
        case "owner":
            return OWNERS[owner or domain][0]
        case "governor":
            return GOVERNORS[0]
        case "somebody":
            return f"mia@{domain}.example"
        case _:
            return None


def ask(mesh: AccessMesh, domain: str, names: set[str], owner: str, drawn: dict[str, Any]) -> tuple[Envelope, Asked]:
    """Return a RequestDataProductAccess by name, and what it asks for."""
    tables: tuple[str, ...] | None = drawn["tables"]
    about = tables or ("goods",)
    columns = {about[0]: tuple(sorted(drawn["columns"]))} if drawn["columns"] else {}
    rows = {about[-1]: drawn["rows"]} if drawn["rows"] else {}
    principals = tuple(role(ACCOUNTS[domain], name) for name in sorted(names))
    later = drawn["later"] and tables is None
    who = asker(drawn["by"], domain, owner)
    data = {
        "request_id": str(uuid.uuid4()),
        "domain": domain,
        "product": {"domain": owner, "name": "one"},
        "tables": list(tables) if tables else None,
        "columns": {table: list(names) for table, names in columns.items()},
        "rows": rows,
        "later_tables": "included" if later else "excluded",
        "principals": list(principals),
        "justification": "Which goods sell?",
        "duration_days": drawn["duration"],
        "purpose": drawn["purpose"],
        "requested_by": who,
    }
    asked = Asked(domain, frozenset(principals), owner, tables, columns, rows, later, drawn["duration"], who)
    return event("RequestDataProductAccess", data, account=ACCOUNTS[domain], minute=mesh.minute), asked


def ask_by_tag(
    mesh: AccessMesh, domain: str, names: set[str], expression: dict[str, list[str]], drawn: dict[str, Any]
) -> tuple[Envelope, Asked]:
    """Return a RequestDataProductAccess by LF-tag, and what it asks for."""
    principals = tuple(role(ACCOUNTS[domain], name) for name in sorted(names))
    who = asker(drawn["by"], domain, None)
    data = {
        "request_id": str(uuid.uuid4()),
        "domain": domain,
        "expression": expression,
        "principals": list(principals),
        "justification": "Which goods sell?",
        "duration_days": drawn["duration"],
        "requested_by": who,
    }
    asked = Asked(
        domain, frozenset(principals), None, None, {}, {}, later=False, duration=drawn["duration"], requested_by=who
    )
    return event("RequestDataProductAccess", data, account=ACCOUNTS[domain], minute=mesh.minute), asked


def extend(mesh: AccessMesh, domain: str, request_id: uuid.UUID, days: int) -> Envelope:
    """Return an ExtendDataProductAccess."""
    data = {
        "request_id": str(uuid.uuid4()),
        "domain": domain,
        "extends": str(request_id),
        "duration_days": days,
        "justification": "It takes longer",
    }
    return event("ExtendDataProductAccess", data, account=ACCOUNTS[domain], minute=mesh.minute)


def revoke(mesh: AccessMesh, by: str | None, request_id: uuid.UUID) -> Envelope:
    """Return a RevokeDataProductAccess of a domain, or of governance."""
    data = {"request_id": str(request_id), "domain": by, "reason": "No longer needed"}
    account = ACCOUNTS[by] if by is not None else CENTRAL
    source = "datamesh.domain" if by is not None else "datamesh.central"
    return event("RevokeDataProductAccess", data, account=account, minute=mesh.minute, source=source)


def flagged_anew(known: dict[str, Any], drawn: dict[str, Any]) -> dict[str, Any]:
    """Return what a domain has declared with other flags on a table, or with another table just like it."""
    tables = known["tables"]
    base = tables.get(drawn["name"]) or next(iter(tables.values()))
    columns = {
        name: {**column, "pii": drawn["flags"].get(name, column["pii"])} for name, column in base["columns"].items()
    }
    return {
        **known,
        "classification": drawn["classification"],
        "pii": drawn["pii"],
        "wrong": {},
        "tables": {drawn["name"]: {**base, "columns": columns}},
    }
