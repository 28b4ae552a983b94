"""The portal's plan says what the package says: routes, roles, commands, facts. And what browsers and people may do."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any, get_args

import pytest

from datamesh.models.api.identity import DomainRole, MeshRole
from datamesh.models.api.routes import ROUTES, FunctionName
from datamesh.models.events import CENTRAL_SOURCE, DOMAIN_SOURCE, CentralFact, Command
from datamesh.models.facts import EVENTS
from tests.support.plan_scenarios import module_plan, scenarios
from tests.support.terraform_plan import ROOT, Plan
from tools.terraform_files import blocks, parse

MODULE = ROOT / "modules" / "data-portal"
FUNCTIONS: tuple[FunctionName, ...] = get_args(FunctionName)
READS = re.compile(r"\w+:(BatchGet|Describe|Get|List|Query|Search)\w*|es:ESHttp(Get|Post)|dynamodb:ConditionCheckItem")
OF_EVERY_FUNCTION = {"WriteLogs", "WriteTraces"}


@pytest.fixture(scope="module")
def basic() -> Plan:
    """A portal as most will have it."""
    return module_plan("data-portal", "basic")


@pytest.fixture(scope="module")
def full() -> Plan:
    """A portal with everything that there is to choose."""
    return module_plan("data-portal", "full")


def statements(plan: Plan, function: str) -> dict[str, dict[str, Any]]:
    """Return what a function may do by statement, without what every one may."""
    document = plan.values(f"module.{function}_function.data.aws_iam_policy_document.this")["statement"]
    return {each["sid"]: each for each in document if each["sid"] not in OF_EVERY_FUNCTION}


def conditions(statement: dict[str, Any]) -> dict[str, set[str]]:
    """Return the values of a statement's conditions by variable."""
    return {each["variable"]: set(each["values"]) for each in statement["condition"] or []}


# --- what the API answers


@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_function_has_the_routes_that_the_package_gives_it(function: FunctionName) -> None:
    (declared,) = (
        local[f"{function}_routes"]
        for local in parse(MODULE / f"{function}.tf")["locals"]
        if f"{function}_routes" in local
    )

    assert declared == [f"{route.method} {route.path}" for route in ROUTES if route.function == function]


def test_the_api_has_these_routes_and_no_others_and_none_is_open(basic: Plan) -> None:
    routes = [each.values for each in basic.of_type("aws_apigatewayv2_route").values()]

    assert {each["route_key"] for each in routes} == {f"{route.method} {route.path}" for route in ROUTES}
    assert {each["authorization_type"] for each in routes} == {"JWT"}
    assert basic.references("aws_apigatewayv2_route.this", "authorizer_id") >= {"aws_apigatewayv2_authorizer.people.id"}


def test_each_route_leads_to_its_function(basic: Plan) -> None:
    functions = {
        address.split('"')[1]
        for address in basic.resources
        if address.startswith(("aws_apigatewayv2_integration.this[", "aws_lambda_permission.api["))
    }

    assert functions == set(FUNCTIONS)
    text = (MODULE / "api.tf").read_text(encoding="utf-8")
    for function in FUNCTIONS:
        assert f'for route in local.{function}_routes : route => "{function}"' in text
        assert re.search(rf"^    {function} += module\.{function}_function$", text, re.MULTILINE)


def test_the_authorizer_takes_tokens_of_this_pool_for_this_client(basic: Plan) -> None:
    authorizer = "aws_apigatewayv2_authorizer.people"

    assert basic.values(authorizer)["authorizer_type"] == "JWT"
    assert basic.references(authorizer, "jwt_configuration.0.audience") >= {"aws_cognito_user_pool_client.portal.id"}
    assert basic.references(authorizer, "jwt_configuration.0.issuer") >= {"aws_cognito_user_pool.this.endpoint"}


def test_the_api_is_throttled_and_its_log_has_no_addresses(basic: Plan) -> None:
    stage = basic.values("aws_apigatewayv2_stage.this")
    source = (MODULE / "api.tf").read_text(encoding="utf-8")
    logged = set(re.findall(r"\$context\.([A-Za-z.]+)", source))

    assert stage["default_route_settings"] == [
        stage["default_route_settings"][0] | {"throttling_burst_limit": 100, "throttling_rate_limit": 50}
    ]
    assert logged
    assert not {name for name in logged if re.search(r"path|query|authorization$|claims\.(?!sub$)", name)}


def test_no_page_of_others_reads_the_api_unless_it_is_named(basic: Plan, full: Plan) -> None:
    assert not basic.values("aws_apigatewayv2_api.this")["cors_configuration"]

    (cors,) = full.values("aws_apigatewayv2_api.this")["cors_configuration"]
    assert set(cors["allow_origins"]) == {
        "https://data.example.com",
        "https://wiki.example.com",
        "http://localhost:5173",
    }
    assert not cors["allow_credentials"]


# --- who signs in


def test_there_is_a_group_for_every_role(basic: Plan) -> None:
    groups = {each.values["name"] for each in basic.of_type("aws_cognito_user_group").values()}

    assert groups == {
        *(f"mesh.{role}" for role in get_args(MeshRole)),
        *(f"{domain}.{role}" for domain in ("marketing", "sales") for role in get_args(DomainRole)),
    }


def test_people_are_made_by_administrators_and_do_not_change_who_they_are(basic: Plan) -> None:
    pool = basic.values("aws_cognito_user_pool.this")
    client = basic.values("aws_cognito_user_pool_client.portal")

    assert pool["admin_create_user_config"][0]["allow_admin_create_user_only"] is True
    assert pool["username_configuration"] == [{"case_sensitive": False}]
    assert pool["deletion_protection"] == "ACTIVE"
    assert pool["password_policy"][0]["minimum_length"] >= 14
    assert client["write_attributes"] == ["name"]
    assert set(client["explicit_auth_flows"]) == {"ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"}
    assert client["generate_secret"] is False
    assert client["prevent_user_existence_errors"] == "ENABLED"
    assert (client["id_token_validity"], client["token_validity_units"][0]["id_token"]) == (1, "hours")


def test_a_second_factor_is_the_callers_choice(basic: Plan, full: Plan) -> None:
    assert basic.values("aws_cognito_user_pool.this")["mfa_configuration"] == "OFF"
    assert basic.values("aws_cognito_user_pool.this")["user_pool_tier"] == "ESSENTIALS"
    assert full.values("aws_cognito_user_pool.this")["mfa_configuration"] == "ON"
    assert full.values("aws_cognito_user_pool.this")["software_token_mfa_configuration"] == [{"enabled": True}]
    assert full.values("aws_cognito_user_pool.this")["user_pool_tier"] == "PLUS"


# --- what the functions may do


@pytest.mark.parametrize("scenario", ["basic", "full"])
def test_who_answers_changes_nothing_and_reads_no_data(scenario: str) -> None:
    # GIVEN the role that is an administrator of Lake Formation (decision 18)
    found = statements(module_plan("data-portal", scenario), "answer_query")

    actions = {action for each in found.values() for action in each["actions"]}

    assert actions
    assert not [action for action in actions if not READS.fullmatch(action)]
    assert "lakeformation:GetDataAccess" not in actions


def test_people_may_send_the_commands_that_the_package_takes_of_them(basic: Plan) -> None:
    wanted = {
        each.detail_type()
        for each in EVENTS
        if issubclass(each, Command) and {CENTRAL_SOURCE, DOMAIN_SOURCE} <= set(each.sources)
    }

    said = conditions(statements(basic, "send_command")["SayCommand"])

    assert said == {"events:source": {CENTRAL_SOURCE}, "events:detail-type": wanted}


def test_who_casts_a_vote_may_do_to_the_registry_what_decides_over_a_link() -> None:
    def of_registry(plan: Plan, function: str) -> list[Any]:
        return [
            (sorted(each["actions"]), conditions(each))
            for each in statements(plan, function).values()
            if any(str(name).endswith("table/datamesh-registry") for name in each["resources"])
        ]

    mine = of_registry(module_plan("data-portal", "basic"), "cast_vote")

    assert mine
    assert mine == of_registry(module_plan("central-governance", "organization"), "decide_approval")


@pytest.mark.parametrize(
    "function", ["answer_query", "send_command", "retry_execution", "record_event", "index_search"]
)
def test_nobody_but_the_vote_writes_the_registry_or_the_ledger(basic: Plan, function: str) -> None:
    truth = {f"arn:aws:dynamodb:eu-west-1:111111111111:table/datamesh-{name}" for name in ("registry", "ledger")}

    for sid, each in statements(basic, function).items():
        if truth & set(each["resources"]):
            assert all(READS.fullmatch(action) for action in each["actions"]), sid


def test_with_open_search_nobody_reads_or_writes_the_file(full: Plan) -> None:
    for function in ("answer_query", "index_search"):
        found = statements(full, function).values()
        assert not [action for each in found for action in each["actions"] if action.startswith("s3:")]
        assert [each["resources"] for each in found if any(action.startswith("es:") for action in each["actions"])] == [
            ["arn:aws:es:eu-west-1:111111111111:domain/products/*"]
        ]


def test_the_administrators_that_the_mesh_needs_leave_room_for_those_that_are_asked_for() -> None:
    # GIVEN the flows that administer Lake Formation in central
    own = (
        (ROOT / "modules/central-governance/lake_formation.tf").read_text(encoding="utf-8").count("_function.role_arn")
    )
    declared = {name: body for _, name, body in blocks(ROOT / "modules" / "central-governance", "variable")}
    (limit,) = re.findall(r"length\(distinct\(var.administrators\)\) <= (\d+)", str(declared["administrators"]))

    # THEN Lake Formation takes them all; the portal's reader is among those that are asked for
    assert own
    assert own + int(limit) == 30


# --- what the listeners hear


def test_the_index_follows_what_central_says_of_products_and_domains(basic: Plan) -> None:
    pattern = basic.json("module.index_search.aws_cloudwatch_event_rule.this", "event_pattern")
    facts = {each.detail_type() for each in EVENTS if issubclass(each, CentralFact)}

    assert set(pattern["detail-type"]) <= facts
    assert pattern["source"] == [CENTRAL_SOURCE]
    assert pattern["account"] == ["111111111111"]


def test_the_timeline_has_whatever_is_said(basic: Plan) -> None:
    pattern = basic.json("module.record_event.aws_cloudwatch_event_rule.this", "event_pattern")

    assert pattern == {"source": sorted({source for each in EVENTS for source in each.sources})}


def test_what_is_registered_already_is_found_from_the_first_apply_on(basic: Plan, full: Plan) -> None:
    for plan in (basic, full):
        rebuild = plan.values("aws_lambda_invocation.rebuild_search")
        assert json.loads(rebuild["input"]) == {"rebuild": True}
        assert rebuild["function_name"] == "datamesh-portal-index-search"
    assert basic.values("module.index_search_function.aws_lambda_function.this")["reserved_concurrent_executions"] == 1


def test_the_answers_about_lf_tags_are_by_the_same_tags_as_centrals() -> None:
    def defaults(module: str) -> dict[str, Any]:
        declared = {name: body for _, name, body in blocks(ROOT / "modules" / module, "variable")}
        return {name: declared[name]["default"] for name in ("domain_tag_key", "prefix", "sensitive_tags")}

    assert defaults("data-portal") == defaults("central-governance")


# --- what browsers get


def test_pages_may_talk_to_their_own_address_and_to_the_sign_in_alone(basic: Plan, full: Plan) -> None:
    policy = basic.values("aws_cloudfront_response_headers_policy.this")["security_headers_config"][0]

    assert policy["content_security_policy"][0]["content_security_policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self' data:; "
        "connect-src 'self' https://cognito-idp.eu-west-1.amazonaws.com; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    assert policy["referrer_policy"][0]["referrer_policy"] == "no-referrer"
    assert policy["strict_transport_security"][0]["access_control_max_age_sec"] >= 31536000
    assert policy["content_type_options"] == [{"override": True}]
    elsewhere = full.values("aws_cloudfront_response_headers_policy.this")["security_headers_config"][0]
    assert "connect-src 'self' http://127.0.0.1:4566;" in str(elsewhere["content_security_policy"])


@pytest.mark.parametrize("scenario", [each.name for each in scenarios() if each.module == "data-portal"])
def test_errors_of_the_api_reach_the_browser_as_errors(scenario: str) -> None:
    # Custom error responses hold for all origins: decision 17.
    distribution = module_plan("data-portal", scenario).values("aws_cloudfront_distribution.this")

    assert not distribution["custom_error_response"]
    (api,) = distribution["ordered_cache_behavior"]
    assert (api["path_pattern"], api["target_origin_id"], api["viewer_protocol_policy"]) == (
        "/v1/*",
        "api",
        "https-only",
    )
    assert not api["function_association"]
    (pages,) = distribution["default_cache_behavior"]
    assert (pages["target_origin_id"], set(pages["allowed_methods"])) == ("site", {"GET", "HEAD"})


PATHS = [
    ("/", "/index.html"),
    ("/index.html", "/index.html"),
    ("/domains/sales", "/index.html"),
    ("/domains/sales/", "/index.html"),
    ("/approval-links/Zm9v_YmFy-1", "/index.html"),
    ("/executions/register-data-product:2f1c.7", "/index.html"),
    ("/config.json", "/config.json"),
    ("/favicon.svg", "/favicon.svg"),
    ("/assets/HomePage-DNqUtyaK.js", "/assets/HomePage-DNqUtyaK.js"),
    ("/assets/missing.css", "/assets/missing.css"),
]


def test_a_path_that_names_no_file_is_the_page() -> None:
    code = (MODULE / "single_page.js").read_text(encoding="utf-8")
    paths = json.dumps([path for path, _ in PATHS])
    ask = f"{code}\nconsole.log(JSON.stringify({paths}.map((uri) => handler({{ request: {{ uri }} }}).uri)));"

    answered = subprocess.run(["node", "-e", ask], capture_output=True, text=True, check=True).stdout

    assert json.loads(answered) == [wanted for _, wanted in PATHS]


def test_what_is_uploaded_is_not_taken_for_a_page() -> None:
    # GIVEN the kinds of files that Terraform uploads with a type
    (types,) = (local["content_types"] for local in parse(MODULE / "site.tf")["locals"] if "content_types" in local)
    pattern = re.search(r"/\\\.\((.*)\)\$/", (MODULE / "single_page.js").read_text(encoding="utf-8"))

    # THEN the function knows the same
    assert pattern
    assert [kind for kind in types if not re.fullmatch(pattern[1], kind)] == []


def test_one_build_serves_every_account(full: Plan) -> None:
    source = (MODULE / "site.tf").read_text(encoding="utf-8")
    (config,) = re.findall(r"content = jsonencode\(\{(.*?)\}\)", source, re.DOTALL)

    assert re.findall(r"^ +(\w+) +=", config, re.MULTILINE) == [
        "api_url",
        "client_id",
        "cognito_endpoint",
        "prefix",
        "region",
        "user_pool_id",
    ]
    assert full.values("aws_s3_object.config")["cache_control"] == "no-cache"
    assert full.values("aws_s3_object.config")["content_type"] == "application/json"
