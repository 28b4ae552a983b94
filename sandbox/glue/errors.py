"""Glue's refusals in AWS's words."""

from __future__ import annotations

from sandbox.api import AwsError


def database_not_found(name: str) -> AwsError:
    """The database does not exist, or the caller may not know that it does."""
    return AwsError("EntityNotFoundException", f"Database {name} not found.")


def entity_not_found(_name: str = "") -> AwsError:
    """The table or partition does not exist, or the caller may not know that it does."""
    return AwsError("EntityNotFoundException", "Entity Not Found")


def already_exists(message: str) -> AwsError:
    """Something of this name is there."""
    return AwsError("AlreadyExistsException", message)


def invalid(message: str) -> AwsError:
    """The input contradicts itself or the catalog."""
    return AwsError("InvalidInputException", message)


def insufficient(permission: str, resource: str) -> AwsError:
    """Visible, but Lake Formation does not permit this: `Required Create Table on sales`."""
    spoken = permission.replace("_", " ").title()
    return AwsError(
        "AccessDeniedException", f"Insufficient Lake Formation permission(s): Required {spoken} on {resource}"
    )


def insufficient_location(uri: str) -> AwsError:
    """No DATA_LOCATION_ACCESS on a registered location."""
    return AwsError("AccessDeniedException", f"Insufficient Lake Formation permission(s) on {uri}")
