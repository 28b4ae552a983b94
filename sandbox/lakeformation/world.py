"""What Lake Formation asks of the rest of the sandbox: the Glue catalog, IAM, buckets and keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.api import Caller, Decision


class World(Protocol):
    """The sandbox as Lake Formation sees it; tests give a small one of their own."""

    def database(self, account: str, name: str) -> dict[str, Any] | None:
        """A database of the account's Glue catalog."""

    def table(self, account: str, database: str, name: str) -> dict[str, Any] | None:
        """A table of the account's Glue catalog."""

    def databases(self, account: str) -> Iterator[dict[str, Any]]:
        """All databases of the account's Glue catalog."""

    def tables(self, account: str, database: str) -> Iterator[dict[str, Any]]:
        """All tables of a database."""

    def principal_exists(self, arn: str) -> bool:
        """Whether this IAM user or role exists."""

    def may(self, caller: Caller, action: str, resource: str, context: dict[str, str] | None = None) -> Decision:
        """Whether the caller's own IAM policies allow this. Resource policies play no part."""

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

    def may_assume(self, role: str, account: str) -> Decision:
        """Whether the trust policy of the role lets Lake Formation assume it for the account."""

    def may_share(self, account: str, resource: str) -> bool:
        """Whether the account's Glue resource policy, if there is one, lets RAM share the resource."""

    def bucket_owner(self, bucket: str) -> str | None:
        """The account that owns the bucket; None when there is no such bucket."""

    def bucket_policy(self, bucket: str) -> dict[str, Any] | None:
        """The bucket policy, if there is one."""

    def bucket_key(self, bucket: str) -> str | None:
        """The ARN of the customer managed key that encrypts new objects of the bucket, if one does."""

    def object_keys(self, bucket: str, prefix: str) -> set[str]:
        """The ARNs of the customer managed keys that encrypt the objects below a prefix."""

    def key_policy(self, key_arn: str) -> dict[str, Any] | None:
        """The key policy."""


class _Nowhere:
    world: World | None = None


def use(world: World) -> None:
    """Let Lake Formation live in this world."""
    _Nowhere.world = world


def current() -> World:
    """The world Lake Formation lives in.

    Raises:
        RuntimeError: none was given yet.
    """
    if _Nowhere.world is None:
        raise RuntimeError("Lake Formation has no world; call sandbox.lakeformation.service.install() first")
    return _Nowhere.world
