"""Who can hold Lake Formation permissions.

https://docs.aws.amazon.com/lake-formation/latest/dg/lf-permissions-reference.html#perm-command-format
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from sandbox import settings
from sandbox.lakeformation import errors
from sandbox.ram.sharing import organization_arn

IAM_ALLOWED_PRINCIPALS = "IAM_ALLOWED_PRINCIPALS"

_IAM = re.compile(r"arn:aws[\w-]*:iam::(\d{12}):(role|user)/.+")
_ACCOUNT = re.compile(r"\d{12}")
_EVERYONE = re.compile(r"(\d{12}):IAMPrincipals")
_ORGANIZATION = re.compile(r"arn:aws[\w-]*:organizations::\d{12}:organization/o-[a-z0-9]+")
_ROOT = re.compile(r"arn:aws[\w-]*:iam::(\d{12}):root")


class Kind(StrEnum):
    """Kinds of principals."""

    IAM = "an IAM user or role"
    ACCOUNT = "an account"
    EVERYONE = "every IAM principal of an account"
    ORGANIZATION = "an organization"
    IAM_ALLOWED = "whom IAM allows"


@dataclass(frozen=True)
class Principal:
    """A principal of a grant; `account` is empty for an organization and for IAM_ALLOWED_PRINCIPALS."""

    id: str
    kind: Kind
    account: str = ""

    def external_to(self, account: str) -> bool:
        """Whether a grant to it leaves this account."""
        return self.kind is Kind.ORGANIZATION or (self.kind is not Kind.IAM_ALLOWED and self.account != account)


def parse(identifier: str) -> Principal:
    """The principal of a request.

    Raises:
        AwsError: InvalidInputException "Invalid principal" when it can hold no permissions.
    """
    if identifier.upper() == IAM_ALLOWED_PRINCIPALS:
        return Principal(IAM_ALLOWED_PRINCIPALS, Kind.IAM_ALLOWED)
    if match := _IAM.fullmatch(identifier):
        return Principal(identifier, Kind.IAM, match.group(1))
    if _ACCOUNT.fullmatch(identifier):
        return Principal(identifier, Kind.ACCOUNT, identifier)
    if match := _EVERYONE.fullmatch(identifier):
        return Principal(identifier, Kind.EVERYONE, match.group(1))
    if _ORGANIZATION.fullmatch(identifier):
        return Principal(identifier, Kind.ORGANIZATION)
    if re.match(
        r"arn:aws[\w-]*:(organizations::\d{12}:ou/|quicksight:|identitystore:|iam::\d{12}:saml-provider/)", identifier
    ):
        raise errors.not_supported(f"Principal {identifier}")
    raise errors.invalid(f"Invalid principal, {identifier}")


def is_root(identifier: str) -> bool:
    """Whether this is an account's root user: it may own what it created, but nothing can be granted to it."""
    return _ROOT.fullmatch(identifier) is not None


def organizations_of(account: str) -> tuple[str, ...]:
    """The ARNs of the organizations whose grants reach this account."""
    organization = settings.get().organization
    return (organization_arn(organization),) if organization and account in organization.accounts else ()
