"""Lake Formation and RAM through boto3 and the running sandbox: real roles, real IAM, the gated Glue catalog."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from botocore.exceptions import ClientError

from sandbox.client import Sandbox

CENTRAL, MARKETING, STRANGER = "111111111111", "333333333333", "999999999999"
TABLE = {"CatalogId": CENTRAL, "DatabaseName": "shop", "Name": "orders"}
CATALOG_ARNS = [
    f"arn:aws:glue:eu-west-1:{CENTRAL}:catalog",
    f"arn:aws:glue:eu-west-1:{CENTRAL}:database/shop",
    f"arn:aws:glue:eu-west-1:{CENTRAL}:table/shop/*",
]
# https://docs.aws.amazon.com/lake-formation/latest/dg/cross-account-prereqs.html: AWSLakeFormationCrossAccountManager,
# as far as a grant and a revocation use it, and what granting itself needs.
GRANTOR: list[dict[str, Any]] = [
    {"Sid": "Grant", "Action": ["lakeformation:*"], "Resource": "*"},
    {"Sid": "See", "Action": ["glue:GetDatabase", "glue:GetTable"], "Resource": CATALOG_ARNS},
    {
        "Sid": "Create",
        "Action": "ram:CreateResourceShare",
        "Resource": "*",
        "Condition": {
            "StringLikeIfExists": {"ram:RequestedResourceType": ["glue:Table", "glue:Database", "glue:Catalog"]}
        },
    },
    {
        "Sid": "Change",
        "Action": ["ram:AssociateResourceShare", "ram:DeleteResourceShare", "ram:DisassociateResourceShare"],
        "Resource": "*",
        "Condition": {"StringLike": {"ram:ResourceShareName": ["LakeFormation*"]}},
    },
    {
        "Sid": "Permission",
        "Action": "ram:AssociateResourceSharePermission",
        "Resource": "*",
        "Condition": {"StringLike": {"ram:PermissionArn": ["arn:aws:ram::aws:permission/AWSRAMLFEnabled*"]}},
    },
    {"Sid": "Look", "Action": ["ram:Get*", "ram:List*"], "Resource": "*"},
    {"Sid": "Policy", "Action": ["glue:PutResourcePolicy", "glue:DeleteResourcePolicy"], "Resource": CATALOG_ARNS},
]


class Mesh:
    """Two accounts and their administrators, each a role with a policy."""

    roots: ClassVar[dict[tuple[str, str, str], Any]] = {}
    """Clients of root users outlive a reset, and making one costs more than most tests."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def root(self, service: str, account: str) -> Any:
        """A client of the account's root."""
        key = (self.sandbox.url, service, account)
        if key not in self.roots:
            self.roots[key] = self.sandbox.client(service, account)
        return self.roots[key]

    def role(self, account: str, name: str, statements: list[dict[str, Any]]) -> str:
        """Make a role that may do this; its ARN."""
        iam = self.root("iam", account)
        trust = {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
        self.allow(arn, statements)
        return arn

    def allow(self, role: str, statements: list[dict[str, Any]]) -> None:
        """Replace what a role may do."""
        account, name = role.split(":")[4], role.rsplit("/", 1)[-1]
        document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **item} for item in statements]}
        self.root("iam", account).put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps(document))

    def administer(self, account: str, role: str, version: str = "4") -> None:
        """Let the role administer the account's data lake, with nothing left to IAM."""
        admins = [{"DataLakePrincipalIdentifier": role}]
        settings = {"DataLakeAdmins": admins, "Parameters": {"CROSS_ACCOUNT_VERSION": version}}
        self.root("lakeformation", account).put_data_lake_settings(DataLakeSettings=settings)

    def lf(self, role: str) -> Any:
        """Lake Formation as a role."""
        return self.sandbox.client("lakeformation", role_arn=role)

    def ram(self, role: str) -> Any:
        """RAM as a role."""
        return self.sandbox.client("ram", role_arn=role)


@pytest.fixture
def mesh(clean_sandbox: Sandbox) -> Mesh:
    """Central with database shop and table orders."""
    clean_sandbox.settings(ram_visibility_delay=0.0)
    made = Mesh(clean_sandbox)
    admin = made.role(CENTRAL, "admin", GRANTOR)
    made.administer(CENTRAL, admin)
    glue = made.root("glue", CENTRAL)
    glue.create_database(DatabaseInput={"Name": "shop", "CreateTableDefaultPermissions": []})
    columns = [{"Name": "id", "Type": "bigint"}, {"Name": "name", "Type": "string"}]
    storage = {"Columns": columns, "Location": "s3://some-bucket/products/orders/"}
    glue.create_table(DatabaseName="shop", TableInput={"Name": "orders", "StorageDescriptor": storage})
    return made


ADMIN = f"arn:aws:iam::{CENTRAL}:role/admin"


def grant(client: Any, principal: str, *permissions: str, options: bool = False) -> None:
    """Grant on orders."""
    client.grant_permissions(
        Principal={"DataLakePrincipalIdentifier": principal},
        Resource={"Table": TABLE},
        Permissions=list(permissions),
        PermissionsWithGrantOption=list(permissions) if options else [],
    )


def refused(code: str, words: str) -> Any:
    """`pytest.raises` of a client error."""
    return pytest.raises(ClientError, match=rf"\({code}\).*{words}")


def eventually(question: Callable[[], bool]) -> bool:
    """Ask until the answer is yes."""
    deadline = time.monotonic() + 20
    while not question():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def without(action: str) -> list[dict[str, Any]]:
    """The grantor's policy with one action less."""
    found = []
    for statement in GRANTOR:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        left = [item for item in actions if item not in (action, "lakeformation:*")]
        if "lakeformation:*" in actions and action != "lakeformation:GrantPermissions":
            left.append("lakeformation:*")
        if left:
            found.append({**statement, "Action": left})
    return found


def test_a_grant_of_another_account_over_the_wire(mesh: Mesh) -> None:
    steward = mesh.role(MARKETING, "steward", [{"Action": ["lakeformation:*", "ram:*", "glue:*"], "Resource": "*"}])
    mesh.administer(MARKETING, steward)
    analyst = mesh.role(MARKETING, "analyst", [{"Action": ["glue:Get*"], "Resource": "*"}])
    grant(mesh.lf(ADMIN), MARKETING, "SELECT", "DESCRIBE", options=True)
    (row, select) = mesh.lf(ADMIN).list_permissions(
        Principal={"DataLakePrincipalIdentifier": MARKETING}, Resource={"Table": TABLE}
    )["PrincipalResourcePermissions"]
    assert row["Resource"] == {"Table": TABLE}
    assert select["Resource"] == {"TableWithColumns": {**TABLE, "ColumnWildcard": {}}}
    (share,) = row["AdditionalDetails"]["ResourceShare"]
    shares = mesh.ram(steward).get_resource_shares(resourceOwner="OTHER-ACCOUNTS")["resourceShares"]
    assert [item["resourceShareArn"] for item in shares] == [share]
    assert mesh.ram(steward).get_resource_share_invitations()["resourceShareInvitations"] == []
    glue = mesh.sandbox.client("glue", role_arn=analyst)
    with refused("EntityNotFoundException|AccessDeniedException", ""):
        glue.get_table(CatalogId=CENTRAL, DatabaseName="shop", Name="orders")
    grant(mesh.lf(steward), analyst, "SELECT")
    assert glue.get_table(CatalogId=CENTRAL, DatabaseName="shop", Name="orders")["Table"]["Name"] == "orders"


def test_a_grant_by_tag_over_the_wire_with_awss_managed_policy(mesh: Mesh) -> None:
    steward = mesh.role(MARKETING, "steward", [{"Action": ["lakeformation:*", "ram:*", "glue:*"], "Resource": "*"}])
    mesh.administer(MARKETING, steward)
    tag = {"TagKey": "lob", "TagValues": ["sales"]}
    policy = {"LFTagPolicy": {"CatalogId": CENTRAL, "ResourceType": "TABLE", "Expression": [tag]}}
    lake_formation = mesh.lf(ADMIN)
    lake_formation.create_lf_tag(**tag)
    lake_formation.add_lf_tags_to_resource(Resource={"Database": {"Name": "shop"}}, LFTags=[tag])
    wanted = {"Resource": policy, "Permissions": ["DESCRIBE", "SELECT"]}
    entry = {"Id": "1", "Principal": {"DataLakePrincipalIdentifier": MARKETING}, **wanted}
    assert lake_formation.batch_grant_permissions(Entries=[entry])["Failures"] == []
    (row,) = mesh.lf(steward).list_permissions(ResourceType="LF_TAG_POLICY_TABLE")["PrincipalResourcePermissions"]
    assert row["Resource"] == policy
    (share,) = row["AdditionalDetails"]["ResourceShare"]
    listed = mesh.ram(steward).list_resources(resourceOwner="OTHER-ACCOUNTS", resourceShareArns=[share])["resources"]
    assert [item["type"] for item in listed] == ["glue:Catalog"]
    glue = mesh.sandbox.client("glue", role_arn=steward)
    tables = glue.get_tables(CatalogId=CENTRAL, DatabaseName="shop")["TableList"]
    assert [table["Name"] for table in tables] == ["orders"]
    assert lake_formation.batch_revoke_permissions(Entries=[entry])["Failures"] == []
    assert mesh.ram(steward).get_resource_shares(resourceOwner="OTHER-ACCOUNTS")["resourceShares"] == []


def test_the_grantor_needs_iam_for_the_operation(mesh: Mesh) -> None:
    mesh.allow(ADMIN, without("lakeformation:GrantPermissions"))
    with refused("AccessDeniedException", "is not authorized to perform: lakeformation:GrantPermissions"):
        grant(mesh.lf(ADMIN), MARKETING, "SELECT")


@pytest.mark.parametrize("action", ["ram:CreateResourceShare", "ram:AssociateResourceSharePermission"])
def test_the_grantor_needs_iam_for_ram(mesh: Mesh, action: str) -> None:
    mesh.allow(ADMIN, without(action))
    with refused("AccessDeniedException", f"assumed-role/admin/.* is not authorized to perform: {action}"):
        grant(mesh.lf(ADMIN), MARKETING, "SELECT")


FILTER = {"TableCatalogId": CENTRAL, "DatabaseName": "shop", "TableName": "orders", "Name": "some"}
ANALYST = f"arn:aws:iam::{MARKETING}:role/analyst"


def filter_for(mesh: Mesh, principal: str) -> None:
    """Make a filter of orders, as root of central made everything, and grant it as the administrator."""
    data = {**FILTER, "ColumnNames": ["id"], "RowFilter": {"AllRowsWildcard": {}}}
    mesh.lf(ADMIN).create_data_cells_filter(TableData=data)
    mesh.lf(ADMIN).grant_permissions(
        Principal={"DataLakePrincipalIdentifier": principal},
        Resource={"DataCellsFilter": FILTER},
        Permissions=["SELECT"],
        PermissionsWithGrantOption=["SELECT"] if principal == MARKETING else [],
    )


@pytest.mark.parametrize("principal", [MARKETING, ANALYST])
def test_a_filter_for_an_account_or_its_role_needs_what_a_table_does(mesh: Mesh, principal: str) -> None:
    mesh.sandbox.clear_ledger()
    filter_for(mesh, principal)
    used = {entry["action"] for entry in mesh.sandbox.ledger() if entry["role"] == ADMIN and entry["allowed"]}
    assert used == {
        "lakeformation:CreateDataCellsFilter",
        "lakeformation:GrantPermissions",
        "glue:GetTable",
        "glue:PutResourcePolicy",
        "ram:AssociateResourceSharePermission",
        "ram:CreateResourceShare",
        "ram:GetResourceShares",
    }
    mesh.sandbox.clear_ledger()
    mesh.lf(ADMIN).revoke_permissions(
        Principal={"DataLakePrincipalIdentifier": principal},
        Resource={"DataCellsFilter": FILTER},
        Permissions=["SELECT"],
        PermissionsWithGrantOption=["SELECT"] if principal == MARKETING else [],
    )
    mesh.lf(ADMIN).delete_data_cells_filter(**FILTER)
    used = {entry["action"] for entry in mesh.sandbox.ledger() if entry["role"] == ADMIN and entry["allowed"]}
    assert used == {
        "lakeformation:DeleteDataCellsFilter",
        "lakeformation:RevokePermissions",
        "glue:DeleteResourcePolicy",
        "glue:GetTable",
        "ram:DeleteResourceShare",
        "ram:GetResourceShares",
    }


@pytest.mark.parametrize("action", ["ram:CreateResourceShare", "ram:AssociateResourceSharePermission"])
def test_a_filter_for_a_role_of_another_account_needs_iam_for_ram(mesh: Mesh, action: str) -> None:
    mesh.allow(ADMIN, without(action))
    with refused("AccessDeniedException", f"is not authorized to perform: {action}"):
        filter_for(mesh, ANALYST)


def test_the_grantor_needs_iam_for_the_table(mesh: Mesh) -> None:
    mesh.allow(ADMIN, without("glue:GetTable"))
    with refused("AccessDeniedException", "Insufficient Glue permissions to access table orders"):
        grant(mesh.lf(ADMIN), MARKETING, "SELECT")


def test_without_put_resource_policy_the_association_fails(mesh: Mesh) -> None:
    mesh.allow(ADMIN, without("glue:PutResourcePolicy"))
    grant(mesh.lf(ADMIN), MARKETING, "SELECT")
    (association,) = mesh.ram(ADMIN).get_resource_share_associations(associationType="RESOURCE")[
        "resourceShareAssociations"
    ]
    assert (association["status"], association["statusMessage"]) == (
        "FAILED",
        "Association failed because the caller was not authorized",
    )


def test_a_glue_policy_that_shuts_ram_out(mesh: Mesh) -> None:
    glue = mesh.root("glue", CENTRAL)
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": MARKETING},
        "Action": "glue:GetTable",
        "Resource": CATALOG_ARNS,
    }
    glue.put_resource_policy(PolicyInJson=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    grant(mesh.lf(ADMIN), MARKETING, "SELECT")
    ram = {**statement, "Principal": {"Service": "ram.amazonaws.com"}, "Action": "glue:ShareResource"}
    glue.put_resource_policy(PolicyInJson=json.dumps({"Version": "2012-10-17", "Statement": [statement, ram]}))
    grant(mesh.lf(ADMIN), STRANGER, "SELECT")
    answer = mesh.ram(ADMIN).get_resource_share_associations(associationType="RESOURCE")
    assert [item["status"] for item in answer["resourceShareAssociations"]] == ["FAILED", "ASSOCIATED"]


def test_iam_without_lake_formation_grants_nothing(mesh: Mesh) -> None:
    other = mesh.role(CENTRAL, "other", GRANTOR)
    with refused("AccessDeniedException", "Resource does not exist or requester is not authorized"):
        grant(mesh.lf(other), MARKETING, "SELECT")


def test_strangers_are_invited(mesh: Mesh) -> None:
    steward = mesh.role(STRANGER, "steward", [{"Action": ["lakeformation:*", "ram:*", "glue:*"], "Resource": "*"}])
    mesh.administer(STRANGER, steward)
    grant(mesh.lf(ADMIN), STRANGER, "SELECT", options=True)
    ram = mesh.ram(steward)
    (invitation,) = ram.get_resource_share_invitations()["resourceShareInvitations"]
    assert (invitation["status"], invitation["senderAccountId"]) == ("PENDING", CENTRAL)
    with refused("AccessDeniedException", "Insufficient Glue permissions to access table orders"):
        grant(mesh.lf(steward), steward, "SELECT")
    arn = invitation["resourceShareInvitationArn"]
    answer = ram.accept_resource_share_invitation(resourceShareInvitationArn=arn)
    assert answer["resourceShareInvitation"]["status"] == "ACCEPTED"
    grant(mesh.lf(steward), steward, "SELECT")
    with refused("ResourceShareInvitationAlreadyAcceptedException", "already been accepted"):
        ram.accept_resource_share_invitation(resourceShareInvitationArn=arn)


def test_an_invitation_expires_with_the_sandboxs_clock(mesh: Mesh) -> None:
    grant(mesh.lf(ADMIN), STRANGER, "SELECT")
    ram = mesh.root("ram", STRANGER)
    (invitation,) = ram.get_resource_share_invitations()["resourceShareInvitations"]
    mesh.sandbox.advance(12 * 3600)
    with refused("ResourceShareInvitationExpiredException", "expired"):
        ram.accept_resource_share_invitation(resourceShareInvitationArn=invitation["resourceShareInvitationArn"])


def test_visibility_takes_its_time(mesh: Mesh) -> None:
    mesh.sandbox.settings(ram_visibility_delay=0.3)
    steward = mesh.role(MARKETING, "steward", [{"Action": ["lakeformation:*", "glue:*"], "Resource": "*"}])
    mesh.administer(MARKETING, steward)
    grant(mesh.lf(ADMIN), MARKETING, "SELECT", options=True)
    client = mesh.lf(steward)

    def visible() -> bool:
        try:
            grant(client, steward, "SELECT")
        except ClientError as error:
            assert error.response["Error"]["Message"] == "Insufficient Glue permissions to access table orders"  # noqa: PT017
            return False
        return True

    assert eventually(visible)


def test_a_batch_answers_200_with_failures(mesh: Mesh) -> None:
    entries = [
        {
            "Id": name,
            "Principal": {"DataLakePrincipalIdentifier": ADMIN},
            "Resource": {"Table": {**TABLE, "Name": name}},
            "Permissions": ["SELECT"],
        }
        for name in ("orders", "nowhere")
    ]
    answer = mesh.lf(ADMIN).batch_grant_permissions(Entries=entries)
    (failure,) = answer["Failures"]
    assert failure["RequestEntry"] == entries[1]
    assert failure["Error"]["ErrorCode"] == "EntityNotFoundException"


def test_faults_can_be_injected(mesh: Mesh) -> None:
    mesh.sandbox.inject(kind="concurrent_modification", service="lakeformation", action="GrantPermissions", count=1)
    with refused("ConcurrentModificationException", ""):
        grant(mesh.lf(ADMIN), MARKETING, "SELECT")
    grant(mesh.lf(ADMIN), MARKETING, "SELECT")


def test_input_is_validated_by_the_service_too(mesh: Mesh) -> None:
    with refused("InvalidInputException", "not supported by this sandbox"):
        mesh.lf(ADMIN).start_transaction()
    with refused("InvalidInputException", "Permissions modification is invalid"):
        grant(mesh.lf(ADMIN), ADMIN, "CREATE_TABLE")


def test_snapshots_keep_permissions_and_shares(mesh: Mesh) -> None:
    grant(mesh.lf(ADMIN), MARKETING, "SELECT")
    mesh.sandbox.snapshot("shared")
    mesh.sandbox.reset()
    root = mesh.root("ram", CENTRAL)
    assert root.get_resource_shares(resourceOwner="SELF")["resourceShares"] == []
    mesh.sandbox.restore("shared")
    assert len(root.get_resource_shares(resourceOwner="SELF")["resourceShares"]) == 1
    principal = {"DataLakePrincipalIdentifier": MARKETING}
    assert mesh.lf(ADMIN).list_permissions(Principal=principal)["PrincipalResourcePermissions"]


def test_passing_the_role_of_a_location(mesh: Mesh) -> None:
    lake = mesh.role(CENTRAL, "lake", [{"Action": "s3:GetObject", "Resource": "*"}])
    params = {"ResourceArn": "arn:aws:s3:::some-bucket/products", "RoleArn": lake}
    with refused("AccessDeniedException", "is not authorized to perform: iam:PassRole"):
        mesh.lf(ADMIN).register_resource(**params)
    passing = {"StringEquals": {"iam:PassedToService": "lakeformation.amazonaws.com"}}
    mesh.allow(ADMIN, [*GRANTOR, {"Action": "iam:PassRole", "Resource": lake, "Condition": passing}])
    mesh.lf(ADMIN).register_resource(**params)
    info = mesh.lf(ADMIN).describe_resource(ResourceArn=params["ResourceArn"])["ResourceInfo"]
    assert info["RoleArn"] == lake
    with refused("AlreadyExistsException", "already registered"):
        mesh.lf(ADMIN).register_resource(**params)


def test_the_ledger_tells_what_a_grant_used(mesh: Mesh) -> None:
    mesh.sandbox.clear_ledger()
    grant(mesh.lf(ADMIN), MARKETING, "SELECT")
    used = {entry["action"] for entry in mesh.sandbox.ledger() if entry["role"] == ADMIN and entry["allowed"]}
    assert {
        "lakeformation:GrantPermissions",
        "glue:GetTable",
        "glue:PutResourcePolicy",
        "ram:AssociateResourceSharePermission",
        "ram:CreateResourceShare",
        "ram:GetResourceShares",
    } <= used
