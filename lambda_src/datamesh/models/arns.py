"""Reading and writing Amazon Resource Names."""

from typing import NamedTuple

from datamesh.models.errors import InvalidArn


class Arn(NamedTuple):
    """The six parts of an ARN."""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account}:{self.resource}"


def parse_arn(text: str) -> Arn:
    """Split an ARN into its parts.

    Raises InvalidArn when it does not have six parts.
    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
    """
    parts = text.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or not parts[5]:
        raise InvalidArn(f"{text!r} is not an ARN")
    return Arn(*parts[1:])


def role_arn_of(caller_arn: str) -> str:
    """Return the IAM role behind an assumed-role session ARN; any other ARN is returned as it is.

    Lake Formation knows the role, STS names the session. The path of a role is not part of a session ARN, which
    is why the mesh's roles have none.
    """
    arn = parse_arn(caller_arn)
    kind, _, rest = arn.resource.partition("/")
    if arn.service != "sts" or kind != "assumed-role":
        return caller_arn
    return str(Arn(arn.partition, "iam", "", arn.account, f"role/{rest.split('/', 1)[0]}"))


def s3_arn(partition: str, bucket: str, prefix: str = "") -> str:
    """Return the ARN of a bucket or of a prefix in it, without the trailing slash that Lake Formation refuses."""
    path = prefix.rstrip("/")
    return f"arn:{partition}:s3:::{bucket}/{path}" if path else f"arn:{partition}:s3:::{bucket}"
