"""STS: who this function is."""

from functools import cache

from datamesh.aws import clients
from datamesh.models.arns import role_arn_of


@cache
def own_role_arn() -> str:
    """Return the ARN of the role that this function runs as; needs no permission.

    Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    """
    return role_arn_of(clients.sts().get_caller_identity()["Arn"])


@cache
def account_id() -> str:
    """Return the account of the credentials; needs no permission.

    Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    """
    return clients.sts().get_caller_identity()["Account"]
