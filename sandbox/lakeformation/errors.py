"""The errors of Lake Formation in AWS's words.

https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_GrantPermissions.html#API_GrantPermissions_Errors and
https://docs.aws.amazon.com/lake-formation/latest/dg/troubleshooting.html
"""

from __future__ import annotations

from sandbox.api import AwsError


def invalid(message: str) -> AwsError:
    """InvalidInputException."""
    return AwsError("InvalidInputException", message)


def not_found(message: str) -> AwsError:
    """EntityNotFoundException."""
    return AwsError("EntityNotFoundException", message)


def denied(message: str) -> AwsError:
    """AccessDeniedException."""
    return AwsError("AccessDeniedException", message)


def not_supported(what: str) -> AwsError:
    """For what AWS has and this sandbox has not: never a success."""
    return invalid(f"{what} is not supported by this sandbox.")


def bad_permissions() -> AwsError:
    """A combination of permissions and resource that does not exist."""
    return invalid("Permissions modification is invalid.")


def insufficient(permission: str, on: str) -> AwsError:
    """Lake Formation permits not this: `Required Create LF Tag on Catalog`."""
    spoken = permission.replace("_", " ").title().replace("Lf ", "LF ")
    return denied(f"Insufficient Lake Formation permission(s): Required {spoken} on {on}")


def unknown_tag() -> AwsError:
    """An LF-tag, or a value of it, is not defined."""
    return not_found("Tag or tag value does not exist.")


def too_many(message: str) -> AwsError:
    """A quota of the account is used up."""
    return AwsError("ResourceNumberLimitExceededException", message)


def not_authorized() -> AwsError:
    """The grantor lacks Lake Formation rights, or the resource is not there: AWS does not tell which."""
    return denied("Resource does not exist or requester is not authorized to access requested permissions.")


def concurrent() -> AwsError:
    """Two calls change permissions of the same principal or resource at the same time."""
    return AwsError("ConcurrentModificationException", "Concurrent modification of permissions. Please try again.")
