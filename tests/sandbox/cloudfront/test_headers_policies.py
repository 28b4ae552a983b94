"""Response headers policies say what was given, and nothing more."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.client import Sandbox
from tests.sandbox.core.conftest import CENTRAL

LISTS = ("CustomHeadersConfig", "RemoveHeadersConfig")
OWN = {"Quantity": 1, "Items": [{"Header": "x-mesh", "Value": "datamesh", "Override": True}]}


@pytest.mark.parametrize("given", [{}, {"CustomHeadersConfig": OWN}], ids=["none", "one"])
def test_a_policy_lists_the_headers_that_it_was_given(clean_sandbox: Sandbox, given: dict[str, Any]) -> None:
    cloudfront = clean_sandbox.client("cloudfront", CENTRAL)
    security = {"ContentTypeOptions": {"Override": True}}
    made = cloudfront.create_response_headers_policy(
        ResponseHeadersPolicyConfig={"Name": "strict", "SecurityHeadersConfig": security, **given}
    )["ResponseHeadersPolicy"]

    policy = cloudfront.get_response_headers_policy(Id=made["Id"])["ResponseHeadersPolicy"]
    alone = cloudfront.get_response_headers_policy_config(Id=made["Id"])["ResponseHeadersPolicyConfig"]

    for config in (policy["ResponseHeadersPolicyConfig"], alone):
        assert config["SecurityHeadersConfig"] == security
        assert {name: config[name] for name in LISTS if name in config} == given
