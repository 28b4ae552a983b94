"""What Terraform asks of manage_data_lake_settings."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from datamesh.models.base import Model, OpenModel, PrincipalArn

# https://docs.aws.amazon.com/lake-formation/latest/dg/lf-limitations.html
MAX_ADMINISTRATORS = 30


def _sorted(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))


class Lifecycle(OpenModel):
    """What `aws_lambda_invocation` adds to its input with `lifecycle_scope = "CRUD"`.

    Source: https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/lambda_invocation
    """

    action: Literal["create", "update", "delete"]
    prev_input: dict[str, Any] | None = None


class DataLakeSettingsRequest(Model):
    """The administrators and the version that one mesh needs in an account. Others' settings are not its business."""

    administrators: Annotated[
        tuple[PrincipalArn, ...], Field(min_length=1, max_length=MAX_ADMINISTRATORS), AfterValidator(_sorted)
    ]
    cross_account_version: Literal["1", "2", "3", "4", "5"]
    tf: Lifecycle

    @property
    def no_longer_wanted(self) -> frozenset[str]:
        """Administrators that an earlier request named and this one does not: all of them on delete."""
        if self.tf.action == "delete":
            return frozenset(self.administrators)
        if self.tf.action == "create":
            return frozenset()
        previous = (self.tf.prev_input or {}).get("administrators")
        named = {name for name in previous if isinstance(name, str)} if isinstance(previous, list) else set()
        return frozenset(named - set(self.administrators))
