"""`domain` and `product` over the API: what is asked, what is printed, and how it ends."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from datamesh.cli import domain as domain_commands
from datamesh.cli import product as product_commands
from datamesh.cli import signing_in
from datamesh.cli.app import app
from datamesh.cli.client import ApiClient, ApiRefused, Response
from datamesh.cli.config import Profile, config_path, write_profile
from datamesh.models.api.routes import ROUTES
from tests.support.contracts import EXAMPLES

FLIGHTS = str(EXAMPLES / "flights.odcs.yaml")
ID = uuid.UUID(int=5)
DOMAIN = {
    "domain": "sales",
    "account_id": "222222222222",
    "status": "REGISTERED",
    "product_count": 2,
    "link": {"health": "OK"},
}
HIT = {
    "domain": "sales",
    "name": "departures",
    "description": "On time",
    "classification": "internal",
    "pii": False,
    "sensitive": False,
    "access_mode": "nrac",
    "tables": ["flights"],
    "score": 1.0,
}
PRODUCT = {
    "domain": "sales",
    "name": "departures",
    "description": "On time",
    "status": "REGISTERED",
    "classification": None,
    "pii": None,
    "access_mode": "nrac",
    "table_count": 1,
    "account_id": "222222222222",
    "tables": [
        {"name": "flights", "format": "parquet", "columns": [{"name": "month", "type": "int", "partition_key": True}]}
    ],
    "queries": [{"table": "flights", "database": "d", "sql": "SELECT * FROM flights"}],
}
CHANGE = {"kind": "changed", "breaking": True, "table": "flights", "column": "carrier", "what": "type"}


class FakeApi:
    """Answers by method and path."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        accepted = {"correlation_id": str(ID), "command": "RegisterDataProduct"}
        self.answers: dict[tuple[str, str], tuple[int, Any]] = {
            ("GET", "/v1/domains"): (200, {"items": [{**DOMAIN, "link": None}], "next_cursor": None}),
            ("GET", "/v1/domains/sales"): (200, DOMAIN),
            ("GET", "/v1/products"): (200, {"total": 7, "hits": [HIT], "facets": [], "next_cursor": None}),
            ("GET", "/v1/domains/sales/products/departures"): (200, PRODUCT),
            ("POST", "/v1/domains/sales/product-plans"): (200, self.plan()),
            ("POST", "/v1/domains/sales/products"): (202, accepted),
            ("DELETE", "/v1/domains/sales/products/departures"): (202, accepted),
            ("DELETE", "/v1/domains/sales"): (202, accepted),
            ("POST", "/v1/domains"): (202, accepted),
            ("GET", f"/v1/operations/{ID}"): (200, {"correlation_id": str(ID), "status": "SUCCEEDED", "events": []}),
        }
        del self.answers[("GET", "/v1/domains")][1]["items"][0]["link"]

    @staticmethod
    def plan(*changes: dict[str, Any], **more: Any) -> dict[str, Any]:
        product = {
            "name": "departures",
            "description": "",
            "tables": [{"name": "flights", "location": "s3://a-bucket/p/", "format": "csv"}],
        }
        return {"product": product, "exists": True, "problems": [], "changes": list(changes), "affected": [], **more}

    def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        path, _, query = url.removeprefix("https://a.example").partition("?")
        self.asked.append((method, path, json.loads(body) if body is not None else query))
        status, answer = self.answers[(method, path)]
        return Response(status, {}, json.dumps(answer).encode())

    def sent(self, method: str, path: str) -> list[Any]:
        return [body for asked, where, body in self.asked if (asked, where) == (method, path)]


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    api = FakeApi()
    profile = {"api_url": "https://a.example", "region": "eu-west-1", "user_pool_id": "p", "client_id": "c"}
    write_profile(config_path(), "default", Profile.model_validate(profile))
    for module in (product_commands, domain_commands, signing_in):
        monkeypatch.setattr(
            module, "api", lambda name: ApiClient("https://a.example", lambda: "t", api, pause=lambda seconds: None)
        )
    return api


def run(*arguments: str, given: str | None = None) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200"}, input=given)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout, done.stderr


def test_the_fake_answers_what_the_api_has(api: FakeApi) -> None:
    shapes = {(route.method, route.path.count("/")) for route in ROUTES}
    assert all((method, path.count("/")) in shapes for method, path in api.answers)


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("domain", "list"), ["sales", "222222222222", "REGISTERED"]),
        (("domain", "show", "sales"), ["sales", "OK"]),
        (("product", "search", "delay"), ["sales.departures", "internal", "1 of 7"]),
        (("product", "show", "sales.departures"), ["unclassified", "nobody says", "month (partition key)", "SELECT *"]),
    ],
)
def test_what_is_asked_is_shown(api: FakeApi, words: tuple[str, ...], shown: list[str]) -> None:
    code, out, _ = run(*words)
    assert code == 0
    for word in shown:
        assert word in out
    code, out, _ = run(*words, "--output", "json")
    assert (code, "sales" in json.dumps(json.loads(out))) == (0, True)


def test_a_search_is_narrowed(api: FakeApi) -> None:
    run("product", "search", "delay", "--tag", "a=b", "--tag", "c=d", "--format", "csv", "--limit", "500")
    assert api.sent("GET", "/v1/products") == ["q=delay&limit=100&tag=a%3Db&tag=c%3Dd&format=csv"]


def test_a_product_is_planned_registered_and_waited_for(api: FakeApi) -> None:
    code, out, _ = run("product", "register", "-f", FLIGHTS)
    assert (code, "RegisterDataProduct: SUCCEEDED" in out) == (0, True)
    (planned,), (registered,) = (
        api.sent("POST", f"/v1/domains/sales/{path}") for path in ("product-plans", "products")
    )
    assert planned["product"]["name"] == registered["product"]["name"] == "departures"
    assert registered["accept_breaking_changes"] is False


def test_what_breaks_consumers_has_to_be_accepted(api: FakeApi) -> None:
    affected = {"consumer": "marketing", "request_id": str(ID), "tables": ["flights"], "principals": ["arn:x"]}
    api.answers[("POST", "/v1/domains/sales/product-plans")] = (200, api.plan(CHANGE, affected=[affected]))
    code, out, err = run("product", "register", "-f", FLIGHTS)
    assert (code, "marketing" in out, "--accept-breaking-changes" in err) == (1, True, True)
    assert api.sent("POST", "/v1/domains/sales/products") == []
    code, _, _ = run("product", "register", "-f", FLIGHTS, "--accept-breaking-changes")
    assert code == 0
    assert api.sent("POST", "/v1/domains/sales/products")[0]["accept_breaking_changes"] is True


def test_what_would_be_refused_is_not_sent(api: FakeApi) -> None:
    api.answers[("POST", "/v1/domains/sales/product-plans")] = (200, api.plan({**CHANGE, "refused": True}))
    code, out, _ = run("product", "register", "-f", FLIGHTS, "--accept-breaking-changes")
    assert (code, "refused" in out) == (1, True)
    problem = {"severity": "error", "field": "product.tables.1.location", "message": "not yours"}
    api.answers[("POST", "/v1/domains/sales/product-plans")] = (200, api.plan(product=None, problems=[problem]))
    code, out, _ = run("product", "register", "-f", FLIGHTS)
    line = Path(FLIGHTS).read_text().splitlines().index("  - name: airports") + 1
    assert (code, f"{FLIGHTS}:{line}:5: error: not yours [schema[1]]" in out) == (1, True)
    assert api.sent("POST", "/v1/domains/sales/products") == []


def test_a_broken_contract_is_not_sent(api: FakeApi) -> None:
    code, out, _ = run("product", "register", "-f", str(EXAMPLES / "broken.odcs.yaml"))
    assert (code, "error" in out, api.asked) == (1, True, [])
    code, _, err = run("product", "register", "-f", FLIGHTS, "--domain", "finance")
    assert (code, "of the domain sales" in err, api.asked) == (2, True, [])


def test_diff_asks_the_api(api: FakeApi) -> None:
    api.answers[("POST", "/v1/domains/sales/product-plans")] = (200, api.plan(CHANGE))
    code, out, _ = run("product", "diff", FLIGHTS)
    assert (code, "breaking" in out) == (1, True)


def test_an_operation_that_comes_to_nothing_ends_with_one(api: FakeApi) -> None:
    failed = {
        "correlation_id": str(ID),
        "status": "REJECTED",
        "events": [],
        "error": "TableNameTaken",
        "message": "taken",
    }
    api.answers[("GET", f"/v1/operations/{ID}")] = (200, failed)
    code, out, _ = run("product", "register", "-f", FLIGHTS)
    assert (code, "REJECTED: TableNameTaken: taken" in out) == (1, True)
    api.answers[("GET", f"/v1/operations/{ID}")] = (200, {**failed, "status": "PENDING"})
    code, out, _ = run("product", "register", "-f", FLIGHTS, "--no-wait")
    assert (code, str(ID) in out) == (0, True)


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (("product", "deregister", "sales.departures"), "/v1/domains/sales/products/departures"),
        (("domain", "leave", "sales"), "/v1/domains/sales"),
    ],
)
def test_what_cannot_be_undone_is_asked_about(api: FakeApi, words: tuple[str, ...], path: str) -> None:
    assert run(*words, given="n\n")[0] == 1
    assert api.sent("DELETE", path) == []
    assert run(*words, given="y\n")[0] == 0
    assert run(*words, "--yes")[0] == 0
    assert len(api.sent("DELETE", path)) == 2


def test_a_domain_is_registered(api: FakeApi) -> None:
    arn = "arn:aws:secretsmanager:eu-west-1:222222222222:secret:config-abc"
    assert run("domain", "register", "sales", "--config-secret-arn", arn, "--tag", "zone=eu")[0] == 0
    assert api.sent("POST", "/v1/domains") == [{"domain": "sales", "config_secret_arn": arn, "tags": {"zone": "eu"}}]
    code, _, err = run("domain", "register", "sales", "--config-secret-arn", "secret")
    assert (code, "config_secret_arn" in err) == (2, True)


@pytest.mark.parametrize("product", ["departures", "sales.", ".departures"])
def test_a_product_is_named_with_its_domain(api: FakeApi, product: str) -> None:
    code, _, err = run("product", "show", product)
    assert (code, "is not DOMAIN.PRODUCT" in err) == (2, True)


def test_a_refusal_is_raised_for_main_to_tell(api: FakeApi) -> None:
    said = {"type": "urn:datamesh:NotFound", "title": "t", "status": 404, "detail": "none", "code": "NotFound"}
    api.answers[("GET", "/v1/domains/sales")] = (404, said)
    with pytest.raises(ApiRefused, match="none"):
        run("domain", "show", "sales")
