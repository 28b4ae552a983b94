"""What is visible of a shared catalog: not yet is not an error, forbidden is one."""

from collections.abc import Iterator

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from datamesh.aws.retry import Retrier
from datamesh.aws.shared_catalog import SharedCatalog

ASKED = {"CatalogId": "111111111111", "DatabaseName": "datamesh_sales_nrac"}


@pytest.fixture
def glue() -> Iterator[tuple[SharedCatalog, Stubber]]:
    client = boto3.client("glue")
    with Stubber(client) as stubber:
        yield SharedCatalog(client, Retrier(total=2, sleep=lambda _: None)), stubber
        stubber.assert_no_pending_responses()


def test_pages_are_walked_to_the_end(glue: tuple[SharedCatalog, Stubber]) -> None:
    catalog, stubber = glue
    stubber.add_response("get_tables", {"TableList": [{"Name": "flights"}], "NextToken": "2"}, ASKED)
    stubber.add_response("get_tables", {"TableList": [], "NextToken": "3"}, {**ASKED, "NextToken": "2"})
    stubber.add_response("get_tables", {"TableList": [{"Name": "airlines"}]}, {**ASKED, "NextToken": "3"})
    assert catalog.visible("111111111111", "datamesh_sales_nrac") == {"flights", "airlines"}


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("EntityNotFoundException", "Database datamesh_sales_nrac not found."),
        (
            "AccessDeniedException",
            "Insufficient Lake Formation permission(s): Required Describe on datamesh_sales_nrac",
        ),
        ("AccessDeniedException", "Insufficient Glue permissions to access table flights"),
    ],
)
def test_before_the_share_takes_effect_nothing_is_visible(
    glue: tuple[SharedCatalog, Stubber], code: str, message: str
) -> None:
    catalog, stubber = glue
    stubber.add_client_error("get_tables", code, message)
    assert catalog.visible("111111111111", "datamesh_sales_nrac") == frozenset()


def test_a_refusal_by_iam_is_raised(glue: tuple[SharedCatalog, Stubber]) -> None:
    catalog, stubber = glue
    stubber.add_client_error("get_tables", "AccessDeniedException", "… is not authorized to perform: glue:GetTables")
    with pytest.raises(ClientError):
        catalog.visible("111111111111", "datamesh_sales_nrac")
