"""Lake Formation's world in the running sandbox: MiniStack's Glue catalog, IAM, S3 and KMS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox import adapter, authz
from sandbox.api import AwsError
from sandbox.glue import policies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.api import Caller, Decision

_GONE = ("EntityNotFoundException", "NoSuchEntity", "NoSuchEntityException")


class LiveWorld:
    """See `sandbox.lakeformation.world.World`."""

    def database(self, account: str, name: str) -> dict[str, Any] | None:
        """A database of the account's Glue catalog."""
        found = _get("glue", "GetDatabase", {"Name": name}, account)
        return found["Database"] if found else None

    def table(self, account: str, database: str, name: str) -> dict[str, Any] | None:
        """A table of the account's Glue catalog."""
        found = _get("glue", "GetTable", {"DatabaseName": database, "Name": name}, account)
        return found["Table"] if found else None

    def databases(self, account: str) -> Iterator[dict[str, Any]]:
        """All databases of the account's Glue catalog."""
        yield from _pages("GetDatabases", {}, "DatabaseList", account)

    def tables(self, account: str, database: str) -> Iterator[dict[str, Any]]:
        """All tables of a database."""
        yield from _pages("GetTables", {"DatabaseName": database}, "TableList", account)

    def principal_exists(self, arn: str) -> bool:
        """Whether this IAM user or role exists."""
        account, name = arn.split(":")[4], arn.rsplit("/", 1)[-1]
        operation, member = ("GetUser", "User") if ":user/" in arn else ("GetRole", "Role")
        found = _get("iam", operation, {f"{member}Name": name}, account)
        return found is not None and found[member]["Arn"] == arn

    def may(self, caller: Caller, action: str, resource: str, context: dict[str, str] | None = None) -> Decision:
        """Whether the caller's own IAM policies allow this.

        For a resource of another account the share by which it came plays the resource policy.
        """
        owner = authz.account_of(resource)
        shared = {"Effect": "Allow", "Principal": {"AWS": caller.account}, "Action": "*", "Resource": "*"}
        foreign = owner not in ("", caller.account)
        return authz.check(
            caller.arn,
            action,
            resource,
            context=context,
            resource_policy={"Version": "2012-10-17", "Statement": [shared]} if foreign else None,
            resource_account=owner or None,
        )

    def role_may(
        self,
        role: str,
        action: str,
        resource: str,
        policy: dict[str, Any] | None,
        owner: str | None,
        *,
        context: dict[str, str],
    ) -> Decision:
        """Whether a role may do this to a resource of `owner` with this resource policy."""
        return authz.check(
            role,
            action,
            resource,
            context=context,
            resource_policy=policy,
            resource_account=owner,
            key_policy_required=action.startswith("kms:"),
        )

    def may_assume(self, role: str, account: str) -> Decision:
        """Whether the trust policy of the role lets Lake Formation assume it for the account.

        https://docs.aws.amazon.com/lake-formation/latest/dg/cross-service-confused-deputy-prevention.html
        """
        context = {
            "aws:SourceAccount": account,
            "aws:SourceArn": f"arn:aws:lakeformation:{adapter.region()}:{account}:*",
        }
        return authz.check_assume(role, "lakeformation.amazonaws.com", context=context)

    def may_share(self, account: str, resource: str) -> bool:
        """Whether the account's Glue resource policy, if there is one, lets RAM share the resource."""
        policy = policies.document(account, adapter.region())
        if policy is None:
            return True
        decision = authz.check("", "glue:ShareResource", resource, resource_policy=policy, service="ram.amazonaws.com")
        return decision.allowed

    def bucket_owner(self, bucket: str) -> str | None:
        """The account that owns the bucket; None when there is no such bucket."""
        return adapter.bucket_owner(bucket)

    def bucket_policy(self, bucket: str) -> dict[str, Any] | None:
        """The bucket policy, if there is one."""
        return adapter.bucket_policy(bucket)

    def bucket_key(self, bucket: str) -> str | None:
        """The ARN of the customer managed key that encrypts new objects of the bucket, if one does."""
        return adapter.bucket_kms_key(bucket)

    def object_keys(self, bucket: str, prefix: str) -> set[str]:
        """The ARNs of the customer managed keys that encrypt the objects below a prefix."""
        owner = adapter.bucket_owner(bucket) or ""
        stored = {adapter.object_key_as_stored(bucket, key) for key in adapter.s3_list(bucket, prefix)}
        found = {adapter.key_arn(key, owner, adapter.region()) for key in stored}
        return {arn for arn in found if arn is not None}

    def key_policy(self, key_arn: str) -> dict[str, Any] | None:
        """The key policy."""
        return adapter.key_policy(key_arn)


def _get(service: str, operation: str, params: dict[str, Any], account: str) -> dict[str, Any] | None:
    try:
        return adapter.invoke_raw(service, operation, params, account=account, region=adapter.region())
    except AwsError as error:
        if error.code in _GONE:
            return None
        raise


def _pages(operation: str, params: dict[str, Any], member: str, account: str) -> Iterator[dict[str, Any]]:
    token: dict[str, str] = {}
    while True:
        found = _get("glue", operation, params | token, account) or {}
        yield from found.get(member, [])
        if not found.get("NextToken"):
            return
        token = {"NextToken": found["NextToken"]}
