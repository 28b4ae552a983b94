"""What Lake Formation shows of another account's catalog, whose answer changes while a share takes effect."""

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from datamesh.aws import clients
from datamesh.aws.retry import ACCESS_DENIED, RULES, Retrier, Rule, error_of

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient

# How Glue says that Lake Formation shows nothing (yet). A refusal by IAM ("is not authorized to perform") is a fault.
_HIDDEN = ("lake formation permission", "insufficient glue permissions")
# The caller waits for visibility itself: not here, where waiting costs the function's time.
_RULES: tuple[Rule, ...] = tuple(
    rule for rule in RULES if "insufficient glue permissions to access" not in rule.fragments
)


class SharedCatalog:
    """Gateway to catalogs that are shared with the own account."""

    def __init__(self, client: "GlueClient | None" = None, retrier: Retrier | None = None) -> None:
        self._client = client or clients.glue()
        self._retrier = retrier or Retrier()

    def visible(self, catalog_id: str, database: str) -> frozenset[str]:
        """Return the names of all tables of a database that the own account can see, pages walked to the end.

        Nothing is visible where the database is unknown or Lake Formation refuses, which it does until the share has
        taken effect. Source: https://docs.aws.amazon.com/glue/latest/webapi/API_GetTables.html
        """
        names: set[str] = set()
        request: dict[str, Any] = {"CatalogId": catalog_id, "DatabaseName": database}
        while True:
            try:
                page = self._retrier.run(lambda: self._client.get_tables(**request), rules=_RULES)
            except self._client.exceptions.EntityNotFoundException:
                return frozenset()
            except ClientError as error:
                code, message = error_of(error)
                if code in ACCESS_DENIED and any(fragment in message.lower() for fragment in _HIDDEN):
                    return frozenset()
                raise
            names.update(table["Name"] for table in page.get("TableList", []))
            token = page.get("NextToken")
            if not token:
                return frozenset(names)
            request["NextToken"] = token
