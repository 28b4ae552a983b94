"""The people of the sandbox's mesh: those who sign in to its portal, and IAM roles of the companies' own teams.

* ``pipeline`` in a producer's account loads data and speaks to the domain's bus.
* ``analyst`` in a consumer's account is named in access requests.
* ``intern`` beside the analyst has the very same IAM policy and is named nowhere: what differs is Lake Formation alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3

from sandbox.mesh.layout import CENTRAL, PREFIX, REGION, Account

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

PIPELINE = "pipeline"
ANALYST = "analyst"
INTERN = "intern"
ADMINISTRATOR = "lake-administrator"


# What somebody needs who reads tables of which only some rows are shown:
# https://docs.aws.amazon.com/lake-formation/latest/dg/data-filtering-notes.html
ROW_FILTERED = (
    "lakeformation:GetQueryState",
    "lakeformation:GetWorkUnitResults",
    "lakeformation:GetWorkUnits",
    "lakeformation:StartQueryPlanning",
)


def root_session(account: Account) -> boto3.Session:
    """Return a session of ``account``'s root user, as the sandbox knows it: the account id is the access key."""
    return boto3.Session(aws_access_key_id=account.id, aws_secret_access_key="sandbox", region_name=REGION)  # noqa: S106


def role_session(account: Account, role: str, endpoint: str, name: str = "demo") -> boto3.Session:
    """Return a session that has assumed ``role`` in ``account``."""
    sts = root_session(account).client("sts", endpoint_url=endpoint)
    credentials = sts.assume_role(RoleArn=account.role_arn(role), RoleSessionName=name)["Credentials"]
    return boto3.Session(
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
        region_name=REGION,
    )


def results_bucket(account: Account) -> str:
    """The name of the bucket that holds the account's Athena results."""
    return f"{account.name}-athena-results-{account.id}"


def _statement(sid: str, actions: list[str], resources: list[str]) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources}


def reader_policy(account: Account) -> dict[str, Any]:
    """IAM of somebody who queries with Athena. It names no data: which data is Lake Formation's decision.

    Source: https://docs.aws.amazon.com/lake-formation/latest/dg/cross-account-read-data.html
    """
    catalogs = [
        f"arn:aws:glue:{REGION}:{owner.id}:{kind}"
        for owner in (account, CENTRAL)
        for kind in ("catalog", "database/*", "table/*/*")
    ]
    bucket = f"arn:aws:s3:::{results_bucket(account)}"
    athena = ["athena:StartQueryExecution", "athena:GetQueryExecution", "athena:GetQueryResults"]
    glue = ["glue:GetDatabase", "glue:GetDatabases", "glue:GetTable", "glue:GetTables", "glue:GetPartitions"]
    return {
        "Version": "2012-10-17",
        "Statement": [
            _statement("Query", athena, [f"arn:aws:athena:{REGION}:{account.id}:workgroup/primary"]),
            _statement("ReadCatalog", glue, catalogs),
            _statement("AskLakeFormation", ["lakeformation:GetDataAccess", *ROW_FILTERED], ["*"]),
            _statement("Results", ["s3:GetBucketLocation", "s3:ListBucket"], [bucket]),
            _statement("ResultObjects", ["s3:GetObject", "s3:PutObject"], [f"{bucket}/*"]),
        ],
    }


def pipeline_policy(account: Account, bucket: str, key_arn: str, prefix: str) -> dict[str, Any]:
    """IAM of a producer's pipeline: it writes below the products' prefix and puts commands on its own bus."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            _statement("Load", ["s3:PutObject"], [f"arn:aws:s3:::{bucket}/{prefix}*"]),
            _statement("Encrypt", ["kms:GenerateDataKey", "kms:Decrypt"], [key_arn]),
            _statement("Command", ["events:PutEvents"], [account.bus_arn]),
        ],
    }


def create_role(iam: IAMClient, account: Account, name: str, policy: dict[str, Any]) -> str:
    """Create the role ``name`` with ``policy`` inline, assumable inside its account, and return its ARN.

    Repeating it replaces the policy and changes nothing else.
    """
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{account.id}:root"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    try:
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    except iam.exceptions.EntityAlreadyExistsException:
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=json.dumps(policy))
    return account.role_arn(name)


def create_readers(account: Account, endpoint: str) -> None:
    """Create the analyst, the intern and the bucket for their query results in ``account``."""
    session = root_session(account)
    iam = session.client("iam", endpoint_url=endpoint)
    for name in (ANALYST, INTERN):
        create_role(iam, account, name, reader_policy(account))
    s3 = session.client("s3", endpoint_url=endpoint)
    s3.create_bucket(Bucket=results_bucket(account), CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})


def create_administrator(account: Account, endpoint: str) -> None:
    """Give an account a person who administers Lake Formation beside the mesh: root cannot be one."""
    session = root_session(account)
    everything = _statement("Everything", ["*"], ["*"])
    policy = {"Version": "2012-10-17", "Statement": [everything]}
    create_role(session.client("iam", endpoint_url=endpoint), account, ADMINISTRATOR, policy)
    lake_formation = session.client("lakeformation", endpoint_url=endpoint)
    settings = lake_formation.get_data_lake_settings()["DataLakeSettings"]
    settings["DataLakeAdmins"].append({"DataLakePrincipalIdentifier": account.role_arn(ADMINISTRATOR)})
    lake_formation.put_data_lake_settings(DataLakeSettings=settings)


def create_pipeline(account: Account, endpoint: str, lake: dict[str, str]) -> None:
    """Create the pipeline of ``account``; ``lake`` has the domain's ``bucket``, ``key_arn`` and ``prefix``."""
    iam = root_session(account).client("iam", endpoint_url=endpoint)
    policy = pipeline_policy(account, lake["bucket"], lake["key_arn"], lake["prefix"])
    create_role(iam, account, PIPELINE, policy)


DEMO_USERS = {
    PIPELINE: "loads data and puts commands on its domain's bus",
    ANALYST: f"queries with Athena; named in access requests ({PREFIX}'s grants reach it)",
    INTERN: "has the analyst's IAM policy, but no grant: every query is refused",
}


# --- Who signs in to the portal ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PortalUser:
    """Somebody in the portal's user pool. The passwords are the demo's: everybody may know them."""

    name: str
    email: str
    password: str
    groups: tuple[str, ...]
    what: str
    profile: str
    """What the person's profile is called in build/datamesh-cli.ini."""
    temporary: bool = False
    """The password is the one in the invitation: it has to be changed at the first sign-in."""


PORTAL_USERS = (
    PortalUser(
        "Olga Brandt",
        "owner@sales.example",
        "Owner-of-Sales-2013!",
        ("sales.owner",),
        "owns sales' products: registers them and decides who gets what is sensitive",
        "sales-owner",
    ),
    PortalUser(
        "Stefan Kurz",
        "steward@sales.example",
        "Steward-of-Sales-2013!",
        ("sales.steward",),
        "looks after sales' products: sees sales' part of the ledger and may take access back",
        "sales-steward",
    ),
    PortalUser(
        "Maria Lang",
        "owner@marketing.example",
        "Owner-of-Marketing-2013!",
        ("marketing.owner",),
        "owns marketing's side: asks, extends and ends its access",
        "marketing-owner",
    ),
    PortalUser(
        "Ana Sommer",
        "analyst@marketing.example",
        "Analyst-of-Marketing-2013!",
        ("marketing.member",),
        "finds products and asks for access to them",
        "analyst",
    ),
    PortalUser(
        "Adam Winter",
        "admin@mesh.example",
        "Admin-of-the-Mesh-2013!",
        ("mesh.admin",),
        "may do whatever anybody may",
        "admin",
    ),
    PortalUser(
        "Audra Stein",
        "auditor@mesh.example",
        "Auditor-of-the-Mesh-2013!",
        ("mesh.auditor",),
        "sees everything, the whole ledger too, and changes nothing",
        "auditor",
    ),
    PortalUser(
        "Oscar Field",
        "operator@mesh.example",
        "Operator-of-the-Mesh-2013!",
        ("mesh.operator",),
        "follows all workflows and starts failed ones again",
        "operator",
    ),
    PortalUser(
        "Nils Neumann",
        "newcomer@marketing.example",
        "Welcome-to-the-Mesh-2013!",
        ("marketing.member",),
        "signs in for the first time and has to choose a password",
        "newcomer",
        temporary=True,
    ),
)


def create_portal_users(user_pool_id: str, endpoint: str, users: tuple[PortalUser, ...] = PORTAL_USERS) -> int:
    """Create people in the portal's user pool and return how many; who is there already stays as is.

    An administrator does this on AWS: people do not sign themselves up, and their address counts as verified.
    """
    idp: Any = root_session(CENTRAL).client("cognito-idp", endpoint_url=endpoint)
    for user in users:
        try:
            idp.admin_create_user(
                UserPoolId=user_pool_id,
                Username=user.email,
                TemporaryPassword=user.password,
                UserAttributes=[
                    {"Name": "email", "Value": user.email},
                    {"Name": "email_verified", "Value": "true"},
                    {"Name": "name", "Value": user.name},
                ],
                DesiredDeliveryMediums=["EMAIL"],
                # Only who has to sign in with it is sent the temporary password.
                **({} if user.temporary else {"MessageAction": "SUPPRESS"}),
            )
        except idp.exceptions.UsernameExistsException:
            continue
        if not user.temporary:
            idp.admin_set_user_password(
                UserPoolId=user_pool_id, Username=user.email, Password=user.password, Permanent=True
            )
        for group in user.groups:
            idp.admin_add_user_to_group(UserPoolId=user_pool_id, Username=user.email, GroupName=group)
    return len(users)
