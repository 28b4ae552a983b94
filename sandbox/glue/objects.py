"""A table's objects as somebody may read them: with Lake Formation's registered role, or with own S3 rights."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sandbox import adapter, authz, keys
from sandbox.api import AwsError, Caller
from sandbox.lakeformation import engine

_URI = re.compile(r"s3[an]?://([^/]+)/?(.*)")


def parse(uri: str) -> tuple[str, str]:
    """Bucket and key (or prefix) of an `s3://` URI; raises `ValueError` for another."""
    match = _URI.fullmatch(uri)
    if match is None:
        raise ValueError(f"Not an S3 location: {uri}")
    return match[1], match[2]


def hidden(key: str) -> bool:
    """Hive's rule, kept by Athena and crawlers: names that start with `_` or `.` are no data, nor are folder markers.

    https://docs.aws.amazon.com/athena/latest/ug/tables-location-format.html
    """
    return key.endswith("/") or any(part.startswith(("_", ".")) for part in key.split("/"))


@dataclass(frozen=True)
class Reader:
    """Lists and reads below one location with fixed rights."""

    bucket: str
    prefix: str
    region: str
    caller: Caller | None
    """None when Lake Formation vended its role's rights for the location."""

    def keys(self) -> list[str]:
        """The keys of the data, sorted; raises `AwsError` AccessDenied or NoSuchBucket."""
        owner = adapter.bucket_owner(self.bucket)
        if owner is None:
            raise AwsError("NoSuchBucket", "The specified bucket does not exist", 404)
        if self.caller is not None:
            authz.require(
                self.caller.arn,
                "s3:ListBucket",
                f"arn:aws:s3:::{self.bucket}",
                context={"s3:prefix": self.prefix},
                resource_policy=adapter.bucket_policy(self.bucket),
                resource_account=owner,
            )
        found = adapter.s3_list(self.bucket, self.prefix)
        return [key for key in found if not hidden(key[len(self.prefix) :])]

    def read(self, key: str) -> bytes:
        """The bytes of an object; raises `AwsError` AccessDenied."""
        if self.caller is not None:
            require_object(self.caller, self.region, self.bucket, key, "s3:GetObject")
        return adapter.s3_read(None, self.bucket, key)


def reader(uri: str, region: str, caller: Caller) -> Reader:
    """With the caller's own S3 rights; raises `ValueError` for a location that is not S3's."""
    bucket, prefix = parse(uri)
    return Reader(bucket, _folder(prefix), region, caller)


def vended(uri: str, region: str, catalog: str, *, checked: bool = False) -> Reader:
    """With the rights of the role the location is registered with in the catalog's account.

    They are checked now unless they were `checked` a moment ago; raises `AwsError` AccessDenied when that role cannot
    get at bucket or key.
    """
    bucket, prefix = parse(uri)
    if not checked:
        engine.vend(catalog, _folder(uri), ["s3:GetObject", "s3:ListBucket"])
    return Reader(bucket, _folder(prefix), region, None)


def _folder(prefix: str) -> str:
    return f"{prefix.rstrip('/')}/" if prefix else ""


def require_object(caller: Caller, region: str, bucket: str, key: str, action: str) -> None:
    """The caller may do this to an object, bucket policy and key policy of its owner included."""
    owner = adapter.bucket_owner(bucket)
    if owner is None:
        raise AwsError("NoSuchBucket", "The specified bucket does not exist", 404)
    arn = f"arn:aws:s3:::{bucket}/{key}"
    policy = adapter.bucket_policy(bucket)
    authz.require(caller.arn, action, arn, resource_policy=policy, resource_account=owner)
    writes = action == "s3:PutObject"
    stored = adapter.bucket_key_as_stored(bucket) if writes else adapter.object_key_as_stored(bucket, key)
    key_arn = adapter.key_arn(stored, owner, region)
    if key_arn is not None:
        authz.require(
            caller.arn,
            "kms:GenerateDataKey" if writes else "kms:Decrypt",
            key_arn,
            context=keys.via_service("s3", region, {"aws:s3:arn": arn}),
            resource_policy=adapter.key_policy(key_arn),
            resource_account=authz.account_of(key_arn),
            key_policy_required=True,
        )
