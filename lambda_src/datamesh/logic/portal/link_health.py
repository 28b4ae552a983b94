"""How well central and the account of a domain reach each other, told from what passed between them."""

from datamesh.models.api.domains import DomainLink, LinkHealth
from datamesh.models.timeline import LinkSigns


def link_of(signs: LinkSigns) -> DomainLink:
    """Return the state of a domain's link."""
    sent, heard, failed = signs.sent, signs.heard, signs.failed
    health: LinkHealth = "UNKNOWN"
    # A failure is heard as well; what was heard after it shows that it is over.
    if failed is not None and (heard is None or heard.at <= failed.at):
        health = "FAILING"
    elif sent is not None and (heard is None or heard.at < sent.at):
        health = "WAITING"
    elif heard is not None:
        health = "OK"
    return DomainLink(
        health=health,
        last_sent_at=sent.at if sent is not None else None,
        last_heard_at=heard.at if heard is not None else None,
        last_failure=failed.text if failed is not None and health == "FAILING" else None,
    )
