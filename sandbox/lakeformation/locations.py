"""Registered S3 locations, and what their role can reach right now.

https://docs.aws.amazon.com/lake-formation/latest/dg/register-data-lake.html and
https://docs.aws.amazon.com/lake-formation/latest/dg/registration-role.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox import clock
from sandbox.api import AwsError
from sandbox.lakeformation import errors, listing, resources, world
from sandbox.lakeformation.store import Location, lock, store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sandbox.api import Call, Decision

MAX_PATH = 700
_SERVICE_LINKED = (
    "arn:aws:iam::{}:role/aws-service-role/lakeformation.amazonaws.com/AWSServiceRoleForLakeFormationDataAccess"
)
_READS = ("s3:GetObject", "s3:GetObjectVersion")
_WRITES = ("s3:PutObject",)


def register(call: Call) -> dict[str, Any]:
    """RegisterResource.

    Raises:
        AwsError: AlreadyExistsException, InvalidInputException, EntityNotFoundException (no such role) or
            AccessDeniedException (iam:PassRole, another owner than expected).
    """
    params = call.params
    _only_plain_mode(params)
    arn = resources.normal_location(params["ResourceArn"])
    account = store.account(call.caller.account)
    linked = bool(params.get("UseServiceLinkedRole"))
    if linked == bool(params.get("RoleArn")):
        raise errors.invalid("Exactly one of RoleArn and UseServiceLinkedRole must be specified.")
    if len(arn.partition(":::")[2]) > MAX_PATH:
        raise errors.invalid(f"The path of the location is longer than {MAX_PATH} characters.")
    owner = _check_owner(arn, params.get("ExpectedResourceOwnerAccount"))
    if linked:
        if owner not in (None, call.caller.account):
            raise errors.invalid(
                f"The service-linked role cannot be used for a location in account {owner}. Use your own role."
            )
        role = _SERVICE_LINKED.format(call.caller.account)
    else:
        role = _checked_role(call, params["RoleArn"])
    with lock:
        if arn in account.locations:
            raise AwsError("AlreadyExistsException", "Resource is already registered")
        expected = params.get("ExpectedResourceOwnerAccount")
        account.locations[arn] = Location(arn, role, linked, clock.now(), expected)
    return {}


def update(call: Call) -> dict[str, Any]:
    """UpdateResource: another role."""
    _only_plain_mode(call.params)
    found = _registered(call)
    _check_owner(found.arn, call.params.get("ExpectedResourceOwnerAccount"))
    role = _checked_role(call, call.params["RoleArn"])
    with lock:
        found.role, found.service_linked, found.updated = role, False, clock.now()
        found.owner_account = call.params.get("ExpectedResourceOwnerAccount") or found.owner_account
    return {}


def deregister(call: Call) -> dict[str, Any]:
    """DeregisterResource: permissions on the location stay listed and count for nothing."""
    found = _registered(call)
    with lock:
        del store.account(call.caller.account).locations[found.arn]
    return {}


def describe(call: Call) -> dict[str, Any]:
    """DescribeResource."""
    return {"ResourceInfo": _info(_registered(call))}


def list_all(call: Call) -> dict[str, Any]:
    """ListResources."""
    found = [_info(item) for item in list(store.account(call.caller.account).locations.values())]
    for condition in call.params.get("FilterConditionList") or []:
        found = [info for info in found if _matches(info, condition)]
    some, more = listing.page(found, call.params)
    return {"ResourceInfoList": some} | more


def _only_plain_mode(params: dict[str, Any]) -> None:
    for name in ("HybridAccessEnabled", "WithFederation", "WithPrivilegedAccess"):
        if params.get(name):
            raise errors.not_supported(name)


def _check_owner(arn: str, expected: str | None) -> str | None:
    owner = world.current().bucket_owner(_bucket(arn))
    if expected and owner != expected:
        raise errors.denied(f"The owner of {arn} is not the expected account {expected}.")
    return owner


def _checked_role(call: Call, role: str) -> str:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html."""
    here = world.current()
    if not role.startswith(f"arn:aws:iam::{call.caller.account}:role/"):
        raise errors.denied(f"Cross-account pass role is not allowed: {role}")
    decision = here.may(call.caller, "iam:PassRole", role, {"iam:PassedToService": "lakeformation.amazonaws.com"})
    if not decision.allowed:
        raise _refused(call.caller.arn, "iam:PassRole", role, decision)
    if not here.principal_exists(role):
        raise errors.not_found(f"Role {role} not found.")
    return role


def _registered(call: Call) -> Location:
    arn = resources.normal_location(call.params["ResourceArn"])
    found = store.account(call.caller.account).locations.get(arn)
    if found is None:
        raise errors.not_found("Entity not found")
    return found


def _info(item: Location) -> dict[str, Any]:
    return {
        "ResourceArn": item.arn,
        "RoleArn": item.role,
        "LastModified": item.updated,
        "WithFederation": False,
        "HybridAccessEnabled": False,
        "WithPrivilegedAccess": False,
    } | ({"ExpectedResourceOwnerAccount": item.owner_account} if item.owner_account else {})


_COMPARISONS: dict[str, Callable[[str, list[str]], bool]] = {
    "EQ": lambda value, wanted: value == wanted[0],
    "NE": lambda value, wanted: value != wanted[0],
    "IN": lambda value, wanted: value in wanted,
    "CONTAINS": lambda value, wanted: wanted[0] in value,
    "NOT_CONTAINS": lambda value, wanted: wanted[0] not in value,
    "BEGINS_WITH": lambda value, wanted: value.startswith(wanted[0]),
}


def _matches(info: dict[str, Any], condition: dict[str, Any]) -> bool:
    field = {"RESOURCE_ARN": "ResourceArn", "ROLE_ARN": "RoleArn"}.get(condition.get("Field", ""))
    compare = _COMPARISONS.get(condition.get("ComparisonOperator", ""))
    wanted = condition.get("StringValueList")
    if field is None or compare is None or not wanted:
        raise errors.not_supported(f"Filter condition {condition}")
    return compare(info[field], wanted)


def covering(account: str, s3: str) -> Location | None:
    """The longest registered location that covers an S3 URI or ARN."""
    arn = resources.normal_location(s3)
    found = [
        item for item in list(store.account(account).locations.values()) if resources.covers_location(item.arn, arn)
    ]
    return max(found, key=lambda item: len(item.arn), default=None)


def check_reach(account: str, s3: str, actions: Sequence[str]) -> None:
    """Whether the role of the location can do this now: its trust, its policies, bucket policy and key policy.

    https://docs.aws.amazon.com/lake-formation/latest/dg/registration-role.html and, for encrypted data,
    https://docs.aws.amazon.com/lake-formation/latest/dg/register-encrypted.html

    Raises:
        AwsError: AccessDeniedException that names what is missing.
    """
    here = world.current()
    found = covering(account, s3)
    if found is None:
        raise errors.denied(f"Insufficient Lake Formation permission(s) on {s3}: the location is not registered.")
    trusted = here.may_assume(found.role, account)
    if not trusted.allowed:
        raise errors.denied(
            f"Unable to assume role {found.role}. Please verify that the role exists and that its trust policy allows"
            " lakeformation.amazonaws.com to assume it."
        )
    arn = resources.normal_location(s3)
    bucket, _, prefix = arn.partition(":::")[2].partition("/")
    owner, policy = here.bucket_owner(bucket), here.bucket_policy(bucket)
    for action in actions:
        context = {"s3:prefix": prefix} if action == "s3:ListBucket" else {}
        _check_role(found.role, action, _target(action, arn, s3), policy, owner, **context)
    if set(actions) & set(_READS):
        for key in sorted(here.object_keys(bucket, prefix)):
            _check_key(found.role, "kms:Decrypt", key, arn)
    new_key = here.bucket_key(bucket) if set(actions) & set(_WRITES) else None
    if new_key:
        _check_key(found.role, "kms:GenerateDataKey", new_key, arn)


def _check_key(role: str, action: str, key: str, s3_arn: str) -> None:
    """S3 calls KMS for the role: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html."""
    _, _, _, region, owner, _ = key.split(":", 5)
    context = {
        "aws:ViaAWSService": "true",
        "kms:ViaService": f"s3.{region}.amazonaws.com",
        "kms:CallerAccount": role.split(":")[4],
        "kms:EncryptionContext:aws:s3:arn": s3_arn,
    }
    _check_role(role, action, key, world.current().key_policy(key), owner, **context)


def _check_role(
    role: str, action: str, resource: str, policy: dict[str, Any] | None, owner: str | None, **context: str
) -> None:
    decision = world.current().role_may(role, action, resource, policy, owner, context=context)
    if not decision.allowed:
        account, name = role.split(":")[4], role.rsplit("/", 1)[-1]
        raise _refused(f"arn:aws:sts::{account}:assumed-role/{name}/AWSLF-00-{account}", action, resource, decision)


def _target(action: str, arn: str, s3: str) -> str:
    if action.startswith(("s3:List", "s3:GetBucket")):
        return f"arn:aws:s3:::{_bucket(arn)}"
    # A location that ends like a folder stands for any object in it.
    return f"{arn}/*" if s3.endswith("/") or "/" not in arn.partition(":::")[2] else arn


def _bucket(arn: str) -> str:
    return arn.partition(":::")[2].split("/")[0]


def _refused(who: str, action: str, resource: str, decision: Decision) -> Exception:
    return errors.denied(
        f"User: {who} is not authorized to perform: {action} on resource: {resource} {decision.reason}".rstrip()
    )
