"""What the approval policy says of a request before it is sent. Nothing is changed by asking, and nothing is shown of
products that the person may not discover.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from pydantic import ValidationError

from datamesh.logic.approvals import shown_tables
from datamesh.logic.exposed import ExposedTable, Exposure
from datamesh.logic.policy_dry_run import dry_run
from datamesh.logic.policy_explained import ExplainedStage, Explanation, Outcome
from datamesh.logic.portal import products
from datamesh.logic.portal.authorization import Caller
from datamesh.logic.portal.commands import Origin
from datamesh.logic.portal.table_places import TablePlaces
from datamesh.logic.ports import Registry
from datamesh.logic.share_world import ShareConfig, World
from datamesh.models.api.requests import AccessPreview, AccessRequest, AskedStage
from datamesh.models.api.routes import BY_OPERATION
from datamesh.models.commands import RequestDataProductAccess
from datamesh.models.errors import InvalidRequest, NotFound
from datamesh.models.events import describe

_OUTCOMES: Mapping[Outcome, Literal["GRANTED_AT_ONCE", "NEEDS_APPROVAL", "REJECTED"]] = {
    "automatic": "GRANTED_AT_ONCE",
    "people": "NEEDS_APPROVAL",
    "refused": "REJECTED",
}


def asked_for(
    asked: AccessRequest, origin: Origin, registry: Registry, operation: str, *, prefix: str
) -> RequestDataProductAccess:
    """Return the command that asks for access in a person's name.

    Raises NotAllowed when the person does not belong to the consumer, NotFound when it may not discover the product,
    InvalidRequest.
    """
    caller = origin.caller
    caller.check(BY_OPERATION[operation], asked.domain)
    if asked.product is not None:
        products.look(registry, asked.product.domain, asked.product.name, caller, prefix=prefix, now=origin.now)
    try:
        return RequestDataProductAccess(**dict(asked), request_id=origin.request_id, requested_by=caller.email)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InvalidRequest(describe(error).removeprefix("event: "), field or None) from error


def preview(
    command: RequestDataProductAccess, caller: Caller, world: World, config: ShareConfig, now: datetime
) -> AccessPreview:
    """Return what would come of a request. Raises RecordBusy while what is asked for is being registered."""
    found = dry_run(world.registry.policy(), command, world, config, now)
    if command.expression is not None:
        found = _discoverable(found, caller, world.registry, prefix=config.prefix, now=now)
    refusal = found.refusal
    return AccessPreview(
        outcome=_OUTCOMES[found.outcome],
        rule=found.rule,
        # What was refused before anybody looked might be.
        sensitive=found.sensitive is not False,
        reasons=found.reasons,
        stages=tuple(map(_asked, found.stages)),
        duration_days=found.duration_days,
        shown=shown_tables(Exposure(tables=found.shows)),
        code=None if refusal is None else refusal.code,
        message=None if refusal is None else refusal.message,
        field=None if refusal is None else refusal.field,
    )


def _asked(stage: ExplainedStage) -> AskedStage:
    people = {email for place in stage.places for email in place.people or ()}
    return AskedStage(
        name=stage.name,
        approvers=tuple(sorted(people)),
        quorum=sum(place.quorum for place in stage.places),
        deadline_hours=stage.deadline_hours,
    )


def _discoverable(found: Explanation, caller: Caller, registry: Registry, *, prefix: str, now: datetime) -> Explanation:
    """Return what an expression would show without what the person may not discover: the request itself matches it."""
    places = TablePlaces(registry)
    known: dict[tuple[str, str], bool] = {}

    def may_discover(table: ExposedTable) -> bool:
        place = places.product_of(table.name)
        if place is None:
            return False
        if place not in known:
            try:
                products.look(registry, *place, caller, prefix=prefix, now=now)
            except NotFound:
                known[place] = False
            else:
                known[place] = True
        return known[place]

    shows = tuple(table for table in found.shows if may_discover(table))
    if len(shows) == len(found.shows):
        return found
    hidden = tuple(f"{domain}.{product}: " for (domain, product), visible in known.items() if not visible)
    reasons = tuple(reason for reason in found.reasons if not reason.startswith(hidden))
    return found.model_copy(update={"shows": shows, "reasons": reasons})
