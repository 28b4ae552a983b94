"""What all answers of the API share: problems, pages and accepted commands."""

import uuid
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from datamesh.models.base import Model

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
Cursor = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_=-]{1,2048}$")]
# https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
IdempotencyKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{8,64}$")]


class Problem(Model):
    """Problem details: https://www.rfc-editor.org/rfc/rfc9457."""

    type: str = Field(description="`urn:datamesh:<code>`; the code is stable.")
    title: str
    status: int = Field(ge=400, le=599)
    detail: str
    code: str = Field(description="Stable name of the reason: a class of datamesh.models.errors.")
    field: str | None = Field(None, description="Path of the field to blame, in the body or the query.")
    correlation_id: uuid.UUID | None = None


class Page(Model):
    """Base of all lists. Without `next_cursor` it was the last page."""

    next_cursor: str | None = Field(None, description="Opaque; send it back as `cursor` with the same query.")


class Accepted(Model):
    """A command was put on the mesh's bus. What becomes of it is at `/v1/operations/{correlation_id}`."""

    correlation_id: uuid.UUID
    command: str = Field(description="Detail-type of the command.")
    request_id: uuid.UUID | None = Field(None, description="Of a request for access, or of one that was spoken of.")
    execution_id: str | None = Field(None, description="Of an execution that was started again.")


OperationStatus = Literal["PENDING", "SUCCEEDED", "REJECTED", "FAILED"]
