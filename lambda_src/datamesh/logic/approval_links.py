"""Links that let one person decide once: random, signed, bound to the person and to what was asked, and they expire.

The signature stands in the link only. Who can read the registry can make no link, and a link alone says nothing of the
request. Whoever has a link can answer in its owner's name, so links go to that person alone and are never logged.
"""

import re
import secrets
from datetime import datetime
from urllib.parse import quote

from datamesh.logic.access_ports import Signatures
from datamesh.logic.ports import Registry
from datamesh.models.approvals import ApprovalRecord, LinkRecord
from datamesh.models.errors import LinkForged, LinkUnknown, NotEligible, StageClosed
from datamesh.models.registry import Save

ID_BYTES = 32
# What token_urlsafe makes of so many bytes; nothing else is looked up.
_LINK_ID = re.compile(r"[A-Za-z0-9_-]{43}")
MAX_SIGNATURE = 512


def make_link(
    registry: Registry,
    signatures: Signatures,
    approval: ApprovalRecord,
    approver: str,
    *,
    base_url: str,
    now: datetime,
) -> str:
    """Return a new link for an approver of a stage, which lasts until the stage's deadline.

    Raises NotEligible, StageClosed, AwsTemporarilyUnavailable.
    """
    if approver.lower() not in approval.approvers:
        raise NotEligible("Only who may decide on the stage gets a link")
    if approval.status != "OPEN" or now >= approval.deadline:
        raise StageClosed("There is nothing to decide on")
    link = LinkRecord(
        link_id=secrets.token_urlsafe(ID_BYTES),
        request_id=approval.request_id,
        number=approval.number,
        digest=approval.digest,
        approver=approver,
        expires_at=approval.deadline,
    )
    registry.write([Save(link)])
    return f"{base_url.rstrip('/')}/{link.link_id}?signature={quote(signatures.sign(link.signed_text), safe='')}"


def known_link(registry: Registry, link_id: str) -> LinkRecord:
    """Return the link of this id. Raises LinkUnknown."""
    link = registry.link(link_id) if _LINK_ID.fullmatch(link_id) else None
    if link is None:
        raise LinkUnknown("There is no such link. Open the one in the latest message that you got, whole")
    return link


def check_signature(signatures: Signatures, link: LinkRecord, signature: str | None) -> None:
    """Check that whoever has the link got it from the mesh. Raises LinkForged.

    What is signed is the record, so that a link of another id, person, stage or digest has another signature.
    """
    if not signature or len(signature) > MAX_SIGNATURE or not signatures.verify(link.signed_text, signature):
        raise LinkForged("This link is not whole, or not yours. Open the one in the message that you got")
