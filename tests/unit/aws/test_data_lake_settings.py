"""Lake Formation's settings are read and written whole."""

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from datamesh.aws.data_lake_settings import DataLakeSettings
from datamesh.aws.retry import Retrier
from datamesh.models.errors import PrincipalNotKnownYet

SETTINGS = {
    "DataLakeAdmins": [{"DataLakePrincipalIdentifier": "arn:aws:iam::111111111111:role/a"}],
    "ReadOnlyAdmins": [],
    "CreateDatabaseDefaultPermissions": [],
    "CreateTableDefaultPermissions": [],
    "Parameters": {"CROSS_ACCOUNT_VERSION": "4", "SET_CONTEXT": "TRUE"},
    "TrustedResourceOwners": ["999999999999"],
    "AllowExternalDataFiltering": False,
}


def test_what_is_read_can_be_written() -> None:
    client = boto3.client("lakeformation")
    with Stubber(client) as stubber:
        store = DataLakeSettings(client, Retrier(sleep=lambda _: None))
        stubber.add_response("get_data_lake_settings", {"DataLakeSettings": SETTINGS})
        stubber.add_client_error("put_data_lake_settings", "ThrottlingException")
        stubber.add_response("put_data_lake_settings", {}, {"DataLakeSettings": SETTINGS})
        store.put(store.get())
        stubber.assert_no_pending_responses()


def test_a_new_role_is_not_waited_for_with_settings_that_grow_old() -> None:
    client = boto3.client("lakeformation")
    with Stubber(client) as stubber:
        stubber.add_client_error("put_data_lake_settings", "InvalidInputException", "Invalid principal, arn:…")
        with pytest.raises(PrincipalNotKnownYet):
            DataLakeSettings(client, Retrier(sleep=lambda _: None)).put(SETTINGS)


def test_a_refusal_is_raised() -> None:
    client = boto3.client("lakeformation")
    with Stubber(client) as stubber:
        stubber.add_client_error("get_data_lake_settings", "AccessDeniedException")
        with pytest.raises(ClientError):
            DataLakeSettings(client).get()
