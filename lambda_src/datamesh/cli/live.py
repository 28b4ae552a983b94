"""A request as central would decide on it now: with the registry, the catalog and the LF-tags of the account."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from datamesh.aws.glue_catalog import GlueCatalog
from datamesh.aws.identity import account_id
from datamesh.aws.lake_formation import LakeFormation
from datamesh.aws.lf_tags import LfTags
from datamesh.aws.registry import Registry
from datamesh.cli.documents import parse, read_document
from datamesh.cli.output import unanswered
from datamesh.logic.policy_dry_run import dry_run
from datamesh.logic.policy_explained import Explanation
from datamesh.logic.share_world import ShareConfig, World
from datamesh.logic.tagging import TagRules
from datamesh.models.commands import RequestDataProductAccess
from datamesh.models.policy import ApprovalPolicy

# As modules/central-governance has them; a mesh with others says so with options.
DOMAIN_TAG_KEY = "lob"
SENSITIVE_TAGS = ("classification=confidential", "classification=restricted", "confidentiality=sensitive")


def asked_for(file: Path) -> RequestDataProductAccess:
    """Read the data of a RequestDataProductAccess; ends the command when that is not possible."""
    found = parse(RequestDataProductAccess, read_document(file))
    if isinstance(found, list):
        unanswered(f"{file} is not a request: {found[0].field}: {found[0].problem}")
    return found


def tag_rules(domain_tag_key: str, sensitive_tags: list[str]) -> TagRules:
    """Read what the mesh's LF-tags mean; ends the command when that is not possible."""
    tags: dict[str, list[str]] = {}
    for pair in sensitive_tags:
        key, equals, value = pair.partition("=")
        if not equals:
            unanswered(f"{pair} is not KEY=VALUE")
        tags.setdefault(key, []).append(value)
    found = parse(TagRules, {"domain_tag_key": domain_tag_key, "sensitive_tags": tags})
    if isinstance(found, list):
        unanswered(f"{found[0].field}: {found[0].problem}")
    return found


def explained_live(
    policy: ApprovalPolicy, command: RequestDataProductAccess, registry: Registry, *, prefix: str, rules: TagRules
) -> Explanation:
    """Return what would come of a request, with the credentials of central's account. Only reads."""
    account = account_id()
    return dry_run(policy, command, world_of(registry, account), ShareConfig(account, prefix, rules), datetime.now(UTC))


def world_of(registry: Registry, account: str) -> World:
    """Return the account to look at. There is nothing in it with which filters, schedules or mails could be made."""
    nothing: Any = None
    return World(
        registry=registry,
        catalog=GlueCatalog(),
        permissions=LakeFormation(account),
        lf_tags=LfTags(account),
        filters=nothing,
        schedules=nothing,
        outbox=nothing,
        callbacks=nothing,
    )
