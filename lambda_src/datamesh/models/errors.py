"""Every error of the mesh by name.

The class name is the code that `CommandRejected` carries, and the error name that `Retry` and `Catch` in the state
machines match (Lambda reports the class name as `errorType`). Renaming a class is a breaking change.
"""
# ruff: noqa: N818 - these names are read as codes in events and state machines, where a suffix says nothing.

from typing import ClassVar


class DatameshError(Exception):
    """Base of all errors that the mesh raises itself."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    @property
    def code(self) -> str:
        """The stable name of this error."""
        return type(self).__name__


# --- The sender's fault: answered with CommandRejected, never retried ---


class CommandRejection(DatameshError):
    """Base of what makes central refuse a command. `field` is the path in the command's data, if one is to blame.

    `follow_ups` are the events that central publishes besides its answer.
    """

    default_field: ClassVar[str | None] = None

    def __init__(self, message: str, field: str | None = None, follow_ups: tuple[object, ...] = ()) -> None:
        super().__init__(message)
        self.field = field if field is not None else self.default_field
        self.follow_ups = follow_ups


class InvalidCommand(CommandRejection):
    """The command does not follow its model."""


class CommandTooLarge(CommandRejection):
    """The command is larger than a state machine can carry through its steps."""


class OccurredInFuture(CommandRejection):
    """`occurred_at` lies ahead of central's clock: accepted, it would make every later command look late."""

    default_field = "metadata.occurred_at"


class SenderNotOwner(CommandRejection):
    """The account that sent the event is not the one registered for the domain that the event names."""

    default_field = "domain"


class DomainNotRegistered(CommandRejection):
    """The domain is not (yet) registered."""

    default_field = "domain"


class AccountAlreadyRegistered(CommandRejection):
    """The sending account is registered under another domain name."""

    default_field = "domain"


class InvalidConfigSecret(CommandRejection):
    """The config secret cannot be used: another account's, unreadable, or its content contradicts the command."""

    default_field = "config_secret_arn"


class BucketNotOwned(CommandRejection):
    """The bucket does not belong to the sender's account, or central may not look at it."""

    default_field = "config_secret_arn"


class BucketAlreadyClaimed(CommandRejection):
    """The bucket belongs to another domain's registration."""

    default_field = "config_secret_arn"


class LocationChanged(CommandRejection):
    """A registered domain or table cannot move to another location."""

    default_field = "location"


class LocationOutsideDomain(CommandRejection):
    """A table's location is not below the domain's own prefix."""

    default_field = "location"


class LocationOverlap(CommandRejection):
    """Two tables of a product lie inside one another, or a new table overlaps one of another product."""

    default_field = "location"


class TableNameTaken(CommandRejection):
    """Another product of the domain has a table of this name."""

    default_field = "product.tables"


class TooManyTables(CommandRejection):
    """The product would have more tables than one product may have."""

    default_field = "product.tables"


class TableOwnedByAnother(CommandRejection):
    """The catalog has a table of this name that belongs to another owner or product."""

    default_field = "product.tables"


class ProductNotFound(CommandRejection):
    """No such product is registered."""

    default_field = "product"


class TableNotFound(CommandRejection):
    """The product has no such table."""

    default_field = "tables"


class OwnProduct(CommandRejection):
    """A domain asks for access to a product that is its own."""

    default_field = "product"


class PrincipalNotInDomain(CommandRejection):
    """A principal is not in the account of the domain that asks."""

    default_field = "principals"


class RequestIdReused(CommandRejection):
    """The request id was used before, for something else."""

    default_field = "request_id"


class SensitiveProduct(CommandRejection):
    """The product is sensitive or not classified: it is never granted without an approval."""

    default_field = "product"


class DomainInUse(CommandRejection):
    """A domain cannot leave while it has products or grants, or while others hold tag grants that name it."""

    default_field = "domain"


class UnknownTag(CommandRejection):
    """An LF-tag key or value is not one of the mesh's."""

    default_field = "tags"


class ReservedTagKey(CommandRejection):
    """The LF-tag key that names a domain is set by central, by nobody else."""

    default_field = "tags"


class AccessModeNarrowed(CommandRejection):
    """A product would no longer be shared in a way in which it is."""

    default_field = "product.access_mode"


class NotSharedByName(CommandRejection):
    """The product is shared by LF-tag only."""

    default_field = "product"


class NothingMatches(CommandRejection):
    """No table carries what the tag expression asks for."""

    default_field = "expression"


class ExpressionTooLarge(CommandRejection):
    """Lake Formation takes tag expressions of at most 900 bytes."""

    default_field = "expression"


class TooManyTagPolicies(CommandRejection):
    """Lake Formation takes at most 50 tag policies of a kind per principal."""

    default_field = "expression"


class ExposesSensitive(CommandRejection):
    """A standing tag grant of another domain would show something sensitive, which nobody approved."""

    default_field = "product.tags"


class UnknownColumn(CommandRejection):
    """A table has no such column, or it lies inside a struct, where Lake Formation filters nothing."""

    default_field = "columns"


class InvalidRowFilter(CommandRejection):
    """Lake Formation does not take the row filter."""

    default_field = "rows"


class TooManyFilters(CommandRejection):
    """Lake Formation takes at most 100 data cells filters per principal and table."""

    default_field = "tables"


class NoPolicyRule(CommandRejection):
    """No rule of the approval policy speaks of such a request: it is not granted."""

    default_field = "product"


class PurposeNotAllowed(CommandRejection):
    """The approval policy does not allow this purpose, or wants one."""

    default_field = "purpose"


class DurationTooLong(CommandRejection):
    """The approval policy allows less time."""

    default_field = "duration_days"


class QuorumUnreachable(CommandRejection):
    """Too few people may decide on the request: it could never be approved."""

    default_field = "product"


class RequestNotFound(CommandRejection):
    """There is no such request, or it is none of the sender's."""

    default_field = "request_id"


class RequestNotStanding(CommandRejection):
    """The request has nothing granted, or nothing left to decide on."""

    default_field = "request_id"


# --- Transient: the state machines retry these ---


class Transient(DatameshError):
    """Base of what passes by itself."""


class AwsTemporarilyUnavailable(Transient):
    """AWS kept answering with a transient error until the budget of the call was spent."""


class WriteConflict(Transient):
    """A record changed between reading and writing it, or a name is taken; the decision must be made again."""


class RecordBusy(Transient):
    """Another execution holds the registry record; it ends, or its lease does."""


class GrantNotVisible(Transient):
    """A permission that was just granted is not listed yet."""


class GrantStillVisible(Transient):
    """A permission that was just revoked is listed still."""


class ShareNotYetVisible(Transient):
    """What was shared with this account is not visible in it yet."""


class ProductInUse(Transient):
    """Access to a product that leaves is being granted or taken back right now."""


class StillLinked(Transient):
    """The consumer's account has not taken back yet what it passed on."""


class NothingToTellYet(Transient):
    """The registry does not say yet what a notification speaks of: it is queued before or beside the change."""


class BeingSent(Transient):
    """Another invocation is sending the same notification right now."""


class CrawlersStillRunning(Transient):
    """A crawler of the run has not come to its end yet."""


# --- A vote that does not count: its sender is told why, the ledger keeps it ---


class VoteNotTaken(DatameshError):
    """Base of the reasons why a vote does not count."""


class LinkUnknown(VoteNotTaken):
    """There is no such approval link."""


class LinkForged(VoteNotTaken):
    """The signature is not the link's."""


class LinkExpired(VoteNotTaken):
    """The time of the link is over."""


class LinkUsed(VoteNotTaken):
    """The link has decided once already."""


class NotEligible(VoteNotTaken):
    """The person may not decide on this stage of this request."""


class AlreadyVoted(VoteNotTaken):
    """The person has decided otherwise before."""


class StageNotFound(VoteNotTaken):
    """Nobody was asked: there is no such stage."""


class StageClosed(VoteNotTaken):
    """The stage is decided, or the request was taken back."""


class StageOverdue(VoteNotTaken):
    """The deadline of the stage is over."""


class RequestChanged(VoteNotTaken):
    """What is asked for, or what it would show, is not what this vote is about."""


class BallotIncomplete(VoteNotTaken):
    """The form says no decision, or a denial does not say why."""


class WebhookForged(VoteNotTaken):
    """The signature is not the one of the ticketing system, or it is too old."""


# --- Faults: the execution fails, the record says why, a retry after mending heals ---


class ConflictError(DatameshError):
    """Something of this name exists already and is different. It is never overwritten."""


class TaggingFailed(DatameshError):
    """Lake Formation did not take all LF-tags of a resource."""


class TagInUse(DatameshError):
    """An LF-tag value is still assigned to something or named by a grant."""


class InvalidLfTags(DatameshError):
    """The request to manage the LF-tags of the mesh does not follow its model."""


class LeaseLost(DatameshError):
    """Another execution took the record over; this one must not touch anything any more."""


class GrantFailed(DatameshError):
    """Lake Formation refused entries of a batch."""


class InvitationExpired(DatameshError):
    """The invitation to a resource share lapsed or was refused: central has to revoke and grant again."""


class UntrustedShare(DatameshError):
    """A resource share or an event that does not come from the central account."""


class InvalidDataLakeSettings(DatameshError):
    """The request to manage the Lake Formation settings does not follow its model."""


class TooManyAdministrators(DatameshError):
    """Lake Formation takes no more than 30 administrators, those of others included."""


class SettingsConflict(DatameshError):
    """Another writer kept overwriting the Lake Formation settings."""


class PrincipalNotKnownYet(DatameshError):
    """Lake Formation has not heard from IAM yet of a role that was made a moment ago."""


class PublishFailed(DatameshError):
    """EventBridge accepted the call, but not every entry of it."""


class RoutingFailed(DatameshError):
    """EventBridge did not take the target of a routing rule."""


class InvalidPolicy(DatameshError):
    """The approval policy in the registry does not follow its model: nothing is approved by it."""


class LedgerBroken(DatameshError):
    """An entry of the ledger is not what was entered."""


class ExposureChanged(DatameshError):
    """What a request would show is not what people approved: it has to be asked for again."""


class CallbackRefused(DatameshError):
    """Step Functions does not know the task (any more) that waits for a decision."""


class InvalidSharedSecret(DatameshError):
    """The secret that a ticketing system shares with central cannot be used."""


class DeliveryFailed(DatameshError):
    """A channel did not take a notification."""


class RecordTooLarge(DatameshError):
    """A registry record would exceed the 400 KB of a DynamoDB item."""


class CatalogInconsistent(DatameshError):
    """The catalog misses what the registry says is there."""


class InvalidArn(DatameshError):
    """Not an ARN."""


class InvalidEvent(DatameshError):
    """A fact or an AWS event does not follow its model."""


class InvalidSettings(DatameshError):
    """The environment of the function is not what its settings model says."""


class UnknownStep(DatameshError):
    """The state machine asked the function for a step that it does not have."""


# --- The API: answered with problem details ---


class NotSignedIn(DatameshError):
    """The token does not say who asks."""


class NotAllowed(DatameshError):
    """The person has none of the roles that this needs."""


class NotFound(DatameshError):
    """There is nothing of this name, or nothing that the person may see."""


class InvalidRequest(DatameshError):
    """Something in the request is not as it should be. `field` is the path to blame."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class BreakingChange(DatameshError):
    """The change would break consumers, and nobody said that this is meant."""


class StateConflict(DatameshError):
    """What is asked for does not fit what it is asked of, as that stands now."""


class IdempotencyConflict(DatameshError):
    """The same idempotency key came with another request."""


class SearchUnavailable(Transient):
    """The search index does not answer."""
