"""What would come of a request for access: looked at as share_data_product looks at it, and nothing is written."""

import uuid
from datetime import datetime

from datamesh.logic.access_grants import Access
from datamesh.logic.policy import Subject
from datamesh.logic.policy_explained import Explanation, explain, refusal_of
from datamesh.logic.request_admission import check_request, request_digest
from datamesh.logic.senders import registered_sender
from datamesh.logic.share_world import ShareConfig, World
from datamesh.models.commands import RequestDataProductAccess
from datamesh.models.errors import CommandRejection
from datamesh.models.policy import ApprovalPolicy
from datamesh.models.registry import DomainRecord, RequestRecord, Stamp

# No execution has this name, and no event this number.
_NOBODY = "dry run"
_NO_EVENT = uuid.UUID(int=0)


def dry_run(
    policy: ApprovalPolicy, command: RequestDataProductAccess, world: World, config: ShareConfig, now: datetime
) -> Explanation:
    """Return what would come of a request with what the catalog, the registry and the LF-tags say now.

    What of `world` changes something is not touched. Raises RecordBusy while what is asked for is being registered.
    """
    domain = world.registry.domain(command.domain)
    try:
        consumer = registered_sender(domain, command.domain, domain.account_id if domain is not None else "")
        request = _request(command, consumer.record, now)
        check_request(request)
        seen = Access(world, config).look(request, command, now)
    except CommandRejection as error:
        return Explanation(outcome="refused", policy=policy.digest, sensitive=None, refusal=refusal_of(error))
    subject = Subject(
        consumer=command.domain,
        requested_by=command.requested_by,
        access_mode=seen.mode,
        producers=seen.producers,
        sensitive=seen.exposure.sensitive,
        reasons=seen.exposure.reasons,
        classifications=seen.classifications,
        tags=seen.tags,
        purpose=command.purpose,
        duration_days=command.duration_days,
    )
    records = {name: world.registry.domain(name) for name in seen.producers}
    producers = {name: record.config for name, record in records.items() if record is not None and record.config}
    found = explain(policy, subject, producers=producers, consumer=consumer.config)
    return found.model_copy(update={"shows": seen.exposure.tables})


def _request(command: RequestDataProductAccess, consumer: DomainRecord, now: datetime) -> RequestRecord:
    asked = dict(command) | {
        "tables": command.tables or (),
        "status": "APPROVED",
        "stamp": Stamp(occurred_at=now, event_id=_NO_EVENT),
        "execution_id": _NOBODY,
        "lease_expires_at": now,
        "updated_at": now,
        "digest": request_digest(command),
        "account_id": consumer.account_id,
    }
    return RequestRecord.model_validate(asked)
