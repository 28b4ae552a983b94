"""Names fit with the longest prefix, and meshes or both sides of one can share an account."""

from __future__ import annotations

import pytest

from tests.support.plan_scenarios import module_plan

# https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html, per service
NAMES = {
    "aws_apigatewayv2_api": ("name", 128),
    "aws_cloudfront_function": ("name", 64),
    "aws_cloudfront_origin_access_control": ("name", 64),
    "aws_cloudfront_response_headers_policy": ("name", 128),
    "aws_cloudwatch_event_bus": ("name", 256),
    "aws_cloudwatch_event_rule": ("name", 64),
    "aws_cloudwatch_log_group": ("name", 512),
    "aws_cloudwatch_metric_alarm": ("alarm_name", 255),
    "aws_cognito_user_pool": ("name", 128),
    "aws_dynamodb_table": ("name", 255),
    "aws_iam_role": ("name", 64),
    "aws_kms_alias": ("name", 256),
    "aws_lambda_function": ("function_name", 64),
    "aws_s3_bucket": ("bucket", 63),
    "aws_secretsmanager_secret": ("name", 512),
    "aws_sfn_state_machine": ("name", 80),
    "aws_sqs_queue": ("name", 80),
}


def names(side: tuple[str, str]) -> set[tuple[str, str]]:
    """Return (type, name) of everything whose name must be unique in an account and region."""
    return {
        (kind, resource.values[attribute])
        for kind, (attribute, _) in NAMES.items()
        for resource in module_plan(*side).of_type(kind).values()
    }


@pytest.mark.parametrize("module", ["central-governance", "data-domain", "data-portal"])
def test_names_fit_with_the_longest_prefix(module: str) -> None:
    found = names((module, "longest_prefix"))

    assert not [(kind, name, len(name)) for kind, name in found if len(name) > NAMES[kind][1]]
    # Nothing in them is left to chance, and nothing was cut.
    assert all("abbbbbbbbbbbbbbbbbb" in name for _, name in found)


def test_central_and_a_domain_share_an_account() -> None:
    assert not names(("central-governance", "organization")) & names(("data-domain", "beside_central"))


def test_the_portal_is_in_centrals_account() -> None:
    portal = names(("data-portal", "basic"))

    assert not portal & names(("central-governance", "organization"))
    assert not portal & names(("data-domain", "beside_central"))


@pytest.mark.parametrize("module", ["central-governance", "data-domain", "data-portal"])
def test_two_meshes_share_an_account(module: str) -> None:
    base = "organization" if module == "central-governance" else "basic"

    assert not names((module, base)) & names((module, "longest_prefix"))
