"""Building blocks of every model: the strict base class, constrained names and the one way to write a time."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer, StringConstraints

TIME_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"


def iso(moment: datetime) -> str:
    """Write an aware time as UTC with microseconds and `Z`: of fixed width, so that text order is time order."""
    return moment.astimezone(UTC).strftime(TIME_FORMAT)


def _to_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


class Model(BaseModel):
    """Immutable and closed: a misspelt field is an error, not something that is silently ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    def to_json(self) -> dict[str, Any]:
        """Return the model as JSON-ready dictionary, aliases applied."""
        return self.model_dump(mode="json", by_alias=True)


class OpenModel(Model):
    """For what others send and may extend (facts, envelopes, configuration): unknown fields are dropped."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


DOMAIN_PATTERN = r"^[a-z][a-z0-9_]{0,29}$"
NAME_PATTERN = r"^[a-z][a-z0-9_]{0,62}$"
PLAIN_COLUMN_PATTERN = r"^[a-z_][a-z0-9_]*$"
COLUMN_PATTERN = r"^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*$"
ACCOUNT_PATTERN = r"^[0-9]{12}$"
PRINCIPAL_PATTERN = r"^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[A-Za-z0-9_+=,.@/-]{1,576}$"
S3_LOCATION_PATTERN = r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/([A-Za-z0-9_.=-]+/)*$"


def _no_databases_name(domain: str) -> str:
    if domain.endswith(("_nrac", "_tbac")):
        raise ValueError("must not end in _nrac or _tbac: the databases of other domains do")
    return domain


UtcTime = Annotated[AwareDatetime, AfterValidator(_to_utc), PlainSerializer(iso, return_type=str, when_used="json")]
DomainName = Annotated[str, StringConstraints(pattern=DOMAIN_PATTERN), AfterValidator(_no_databases_name)]
ProductName = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
TableName = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
# A dotted name (`address.email`) speaks of a field inside the struct column before the first dot.
ColumnName = Annotated[str, StringConstraints(pattern=COLUMN_PATTERN, max_length=255)]
PlainColumnName = Annotated[str, StringConstraints(pattern=PLAIN_COLUMN_PATTERN, max_length=255)]
ColumnType = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f]+$", max_length=16_384)]
AccountId = Annotated[str, StringConstraints(pattern=ACCOUNT_PATTERN)]
PrincipalArn = Annotated[str, StringConstraints(pattern=PRINCIPAL_PATTERN)]
# 700 characters: the longest path that Lake Formation takes.
S3Location = Annotated[str, StringConstraints(pattern=S3_LOCATION_PATTERN, max_length=700)]
ArnText = Annotated[
    str, StringConstraints(pattern=r"^arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:[0-9]{0,12}:.+$", max_length=2048)
]
ShortText = Annotated[str, StringConstraints(max_length=2048)]
NonEmpty = Annotated[str, Field(min_length=1)]
