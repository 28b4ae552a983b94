"""Each thing that must be there, alone missing: the query or the flow fails, with the error that AWS gives.

Every test starts from a mesh in which the query works (``shared``) or the flow would (``story``), takes away exactly
one thing with an ordinary AWS call, and looks at what AWS would then say.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.mesh import people
from sandbox.mesh.layout import CENTRAL, MARKETING, SALES
from sandbox.mesh.listener import MeshError
from sandbox.mesh.query import QueryRefusedError
from tests.sandbox.mesh.story import DATABASE, Story, take_away, until

NRAC = "datamesh_sales_nrac"


@pytest.fixture(autouse=True)
def _works_before(request: pytest.FixtureRequest) -> None:
    """The query works before the one thing is taken away: otherwise a refusal would prove nothing."""
    if "shared" in request.fixturenames:
        assert request.getfixturevalue("shared").query().rows == [["1458"]]


# --- a query -------------------------------------------------------------------------------------------------------


def test_without_the_iam_action_get_data_access(shared: Story) -> None:
    take_away(shared.client("iam", MARKETING), people.ANALYST, "lakeformation:GetDataAccess")
    with pytest.raises(QueryRefusedError, match="not authorized to perform: lakeformation:GetDataAccess"):
        shared.query()


def test_without_the_iam_action_glue_get_table(shared: Story) -> None:
    take_away(shared.client("iam", MARKETING), people.ANALYST, "glue:GetTable")
    with pytest.raises(QueryRefusedError, match="not authorized to perform: glue:GetTable"):
        shared.query()


def filter_of(shared: Story, table: str) -> dict[str, Any]:
    """The one data cells filter on a table: what its request was granted."""
    place = {"CatalogId": CENTRAL.id, "DatabaseName": NRAC, "Name": table}
    (found,) = shared.client("lakeformation", CENTRAL).list_data_cells_filter(Table=place)["DataCellsFilters"]
    names = ("TableCatalogId", "DatabaseName", "TableName", "Name")
    return {"DataCellsFilter": {name: found[name] for name in names}}


def test_without_the_grant_of_central(shared: Story) -> None:
    shared.client("lakeformation", CENTRAL).revoke_permissions(
        Principal={"DataLakePrincipalIdentifier": MARKETING.id},
        Resource=filter_of(shared, "airports"),
        Permissions=["SELECT"],
        PermissionsWithGrantOption=["SELECT"],
    )
    with pytest.raises(QueryRefusedError, match=r"TABLE_NOT_FOUND|Insufficient"):
        shared.query()


def test_without_the_grant_on_the_links_target(shared: Story) -> None:
    shared.client("lakeformation", MARKETING).revoke_permissions(
        Principal={"DataLakePrincipalIdentifier": MARKETING.role_arn(people.ANALYST)},
        Resource=filter_of(shared, "airports"),
        Permissions=["SELECT"],
    )
    with pytest.raises(QueryRefusedError, match=r"TABLE_NOT_FOUND|COLUMN_NOT_FOUND|Insufficient"):
        shared.query()


def test_without_the_grant_on_the_link(shared: Story) -> None:
    shared.client("lakeformation", MARKETING).revoke_permissions(
        Principal={"DataLakePrincipalIdentifier": MARKETING.role_arn(people.ANALYST)},
        Resource={"Table": {"DatabaseName": DATABASE, "Name": "airports"}},
        Permissions=["DESCRIBE"],
    )
    with pytest.raises(QueryRefusedError, match=r"TABLE_NOT_FOUND|Insufficient"):
        shared.query()


def test_without_the_registered_location(shared: Story) -> None:
    lake = shared.mesh.lake(SALES)
    arn = f"arn:aws:s3:::{lake['bucket']}/{lake['prefix'].rstrip('/')}"
    shared.client("lakeformation", CENTRAL).deregister_resource(ResourceArn=arn)
    with pytest.raises(QueryRefusedError, match=r"Access Denied|is not authorized|AccessDenied"):
        shared.query()


def test_without_the_bucket_policys_statement(shared: Story) -> None:
    bucket = shared.mesh.lake(SALES)["bucket"]
    s3 = shared.client("s3", SALES)
    policy = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    document = json.loads(policy)
    role = CENTRAL.role_arn("datamesh-central-lake-access")
    document["Statement"] = [
        statement
        for statement in document["Statement"]
        if not (statement["Effect"] == "Allow" and role in json.dumps(statement))
    ]
    assert document != json.loads(policy)
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(document))
    with pytest.raises(QueryRefusedError, match=r"s3:GetObject|s3:ListBucket|Access Denied"):
        shared.query()


def test_without_the_key_policys_statement(shared: Story) -> None:
    kms = shared.client("kms", SALES)
    key = shared.mesh.lake(SALES)["key_arn"]
    policy = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    role = CENTRAL.role_arn("datamesh-central-lake-access")
    kept = [statement for statement in policy["Statement"] if role not in json.dumps(statement)]
    assert kept != policy["Statement"]
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(policy | {"Statement": kept}))
    with pytest.raises(QueryRefusedError, match="kms:Decrypt"):
        shared.query()


# --- a flow --------------------------------------------------------------------------------------------------------


def test_without_the_bus_policys_statement(story: Story) -> None:
    story.client("events", CENTRAL).remove_permission(RemoveAllPermissions=True, EventBusName=CENTRAL.bus)
    story.put(SALES, "RegisterDataProduct", {"domain": "sales", "product": story.manifest()})
    (letter,) = until(lambda: story.dead_letters(SALES, "datamesh-domain-to-central-dlq"), "the dead letter")
    assert letter["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"
    assert story.executions(CENTRAL, "register_data_product") == []


def test_without_the_targets_role(story: Story) -> None:
    take_away(story.client("iam", SALES), "datamesh-domain-to-central-events", "events:PutEvents")
    story.put(SALES, "RegisterDataProduct", {"domain": "sales", "product": story.manifest()})
    (letter,) = until(lambda: story.dead_letters(SALES, "datamesh-domain-to-central-dlq"), "the dead letter")
    assert letter["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"


def test_without_the_state_machine_roles_action(story: Story) -> None:
    role = "datamesh-central-register-data-product-workflow"
    take_away(story.client("iam", CENTRAL), role, "lambda:InvokeFunction")
    command = {"domain": "sales", "product": story.manifest()}
    correlation_id = story.put(SALES, "RegisterDataProduct", command)

    def gave_up() -> bool:
        # The machine tries again for about a minute: the sandbox's clock goes faster.
        story.sandbox.advance(3)
        return bool(story.executions(CENTRAL, "register_data_product", "FAILED"))

    until(gave_up, "the workflow to give up")
    failed = story.listener.wait("WorkflowFailed", correlation_id, receiver=CENTRAL.name)
    assert "lambda:InvokeFunction" in failed.data["cause"]
    assert "is not authorized to perform" in failed.data["cause"]


def test_without_the_accepted_invitation(story: Story) -> None:
    # GIVEN accounts outside one organization, and a domain whose workflow may not accept invitations
    story.sandbox.settings(ram_sharing_with_organization=False)
    story.register_product()
    role = "datamesh-domain-link-data-product-function"
    take_away(story.client("iam", MARKETING), role, "ram:AcceptResourceShareInvitation")
    # WHEN access is granted
    correlation_id = story.put(MARKETING, "RequestDataProductAccess", story.access_request())
    story.listener.wait("DataProductAccessGranted", correlation_id, receiver=MARKETING.name)
    # THEN linking fails, says why, and nothing is visible
    failed = until(lambda: story.executions(MARKETING, "link_data_product", "FAILED"), "the failed link")
    history = story.client("stepfunctions", MARKETING).get_execution_history(executionArn=failed[0]["executionArn"])
    assert "ram:AcceptResourceShareInvitation" in json.dumps(history["events"], default=str)
    with pytest.raises(QueryRefusedError):
        story.query()


def test_without_the_secret_policy(story: Story) -> None:
    story.client("secretsmanager", SALES).delete_resource_policy(SecretId="datamesh-domain-config")
    secret = story.mesh.outputs["sales"]["config_secret_arn"]
    correlation_id = story.put(SALES, "RegisterDataDomain", {"domain": "sales", "config_secret_arn": secret})
    with pytest.raises(MeshError, match=r"config secret cannot be read: central may not read it"):
        story.listener.wait("DataDomainRegistered", correlation_id, receiver=SALES.name)


# --- commands that must not be believed ---------------------------------------------------------------------------


def rejected(story: Story, correlation_id: str) -> dict[str, Any]:
    """What CommandRejected says about the command."""
    return story.listener.wait("CommandRejected", correlation_id).data


def test_a_command_in_the_name_of_another_domain(story: Story) -> None:
    correlation_id = story.put(MARKETING, "RegisterDataProduct", {"domain": "sales", "product": story.manifest()})
    answer = rejected(story, correlation_id)
    assert answer["field"] == "domain"
    assert story.client("glue", CENTRAL).get_tables(DatabaseName=NRAC)["TableList"] == []


def test_a_location_outside_the_domains_prefix(story: Story) -> None:
    product = story.manifest(("airports",))
    bucket = story.mesh.lake(MARKETING)["bucket"]
    product["tables"][0]["location"] = f"s3://{bucket}/products/airports/"
    correlation_id = story.put(SALES, "RegisterDataProduct", {"domain": "sales", "product": product})
    assert "location" in rejected(story, correlation_id)["field"]


@pytest.mark.parametrize("change", [{"classification": "confidential"}, {"pii": True}, {"classification": None}])
def test_a_request_for_a_sensitive_or_unclassified_product(story: Story, change: dict[str, Any]) -> None:
    """Nothing of it is granted before a person has agreed (test_approvals.py tells what follows then)."""
    story.register_product(story.manifest(("airports",)) | change)
    story.settle()
    before = story.permissions(CENTRAL)
    request = story.access_request(tables=["airports"])
    correlation_id = story.put(MARKETING, "RequestDataProductAccess", request)
    asked = story.listener.wait("DataProductAccessRequested", correlation_id, receiver=MARKETING.name)
    assert (asked.data["status"], asked.data["sensitive"], asked.data["stages"]) == ("PENDING", True, ["owners"])
    story.settle()
    assert "airports" in json.dumps(story.request_record(str(request["request_id"])).to_json()["ruling"]["reasons"])
    assert story.permissions(CENTRAL) == before
    with pytest.raises(QueryRefusedError):
        story.query()


def test_a_principal_of_another_account(story: Story) -> None:
    story.register_product(wait_for_crawl=False)
    request = story.access_request(principals=["arn:aws:iam::999999999999:role/somebody"])
    correlation_id = story.put(MARKETING, "RequestDataProductAccess", request)
    assert "principals" in rejected(story, correlation_id)["field"]


def test_a_reregistration_by_another_location(story: Story) -> None:
    story.register_product(story.manifest(("airports",)))
    product = story.manifest(("airports",))
    product["tables"][0]["location"] = story.mesh.location(SALES) + "planes/"
    correlation_id = story.put(SALES, "RegisterDataProduct", {"domain": "sales", "product": product})
    assert "location" in rejected(story, correlation_id)["field"]
