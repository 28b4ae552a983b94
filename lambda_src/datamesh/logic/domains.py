"""What a domain is in central: what its configuration may say, its databases, its grants, its route."""

from collections.abc import Mapping

from datamesh.logic.locations import check_segments
from datamesh.logic.senders import Sender
from datamesh.models.arns import Arn, parse_arn, s3_arn
from datamesh.models.base import AccountId, Model
from datamesh.models.catalog import ACCESS_MODE, DATA_OWNER, DATA_OWNER_NAME, PII_FLAG, CatalogDatabase
from datamesh.models.commands import RegisterDataDomain
from datamesh.models.config import DomainConfig
from datamesh.models.errors import InvalidConfigSecret, LocationOutsideDomain
from datamesh.models.events import CENTRAL_SOURCE
from datamesh.models.facts import Databases, RegistrationOutcome
from datamesh.models.permissions import DatabaseResource, Grant, LocationResource, TagPolicyResource, TagResource
from datamesh.models.steps import Json
from datamesh.models.tags import SensitiveTags, TagKey, conditions

ROUTE_TARGET = "domain-bus"
ACCOUNT_DIGITS = 12
# Of each of the two groups; what Terraform takes.
MAX_PEOPLE = 50
STRENGTH: dict[RegistrationOutcome, int] = {"unchanged": 0, "updated": 1, "registered": 2}


class Mesh(Model):
    """What the workflows that make and end domains know of central. `own_role_arn` is that of register_data_domain."""

    prefix: str
    account_id: AccountId
    partition: str
    own_role_arn: str
    catalog_writer_role_arn: str
    domain_tag_key: TagKey


class Central(Mesh):
    """Central as register_data_domain knows it."""

    region: str
    lake_access_role_arn: str
    routing_role_arn: str
    routing_dlq_arn: str
    sensitive_tags: SensitiveTags


def databases_of(prefix: str, domain: str) -> Databases:
    """Return the names of a domain's databases in central."""
    start = f"{prefix.replace('-', '_')}_{domain}"
    return Databases(nrac=f"{start}_nrac", tbac=f"{start}_tbac")


def strongest(*outcomes: RegistrationOutcome | None) -> RegistrationOutcome:
    """Return the outcome that says most: what was recorded but perhaps never announced is not forgotten."""
    return max((outcome for outcome in outcomes if outcome), key=STRENGTH.__getitem__)


def account_to_register(command: RegisterDataDomain, sender: Sender) -> str:
    """Return the account that is to be the domain: the sender's, and of a person's command the secret's.

    Raises InvalidConfigSecret when the secret's ARN names no account.
    """
    if not sender.central:
        return sender.account
    account = parse_arn(command.config_secret_arn).account
    if len(account) != ACCOUNT_DIGITS:
        raise InvalidConfigSecret(f"{command.config_secret_arn} names no account")
    return account


def check_secret_arn(secret_arn: str, account: str, central: Central) -> None:
    """Check that a secret can be the config secret of an account.

    Raises InvalidConfigSecret when it is in another account or region, or of another name.
    """
    arn = parse_arn(secret_arn)
    if arn.service != "secretsmanager" or arn.partition != central.partition:
        raise InvalidConfigSecret(f"{secret_arn} is not a secret of this partition")
    if arn.account != account:
        raise InvalidConfigSecret(f"The secret is in account {arn.account}, the command comes from {account}")
    if arn.region != central.region:
        raise InvalidConfigSecret(f"The secret is in {arn.region}, the mesh in {central.region}")
    if not arn.resource.startswith(f"secret:{central.prefix}-domain-config-"):
        raise InvalidConfigSecret(f"The secret must be named {central.prefix}-domain-config")


def check_config(config: DomainConfig, command: RegisterDataDomain, account: str, central: Central) -> None:
    """Check that a configuration speaks of the domain that asks, and only of what is the account's.

    Raises InvalidConfigSecret.
    """
    wanted = {"domain": command.domain, "account_id": account, "region": central.region}
    for name, value in wanted.items():
        if getattr(config, name) != value:
            raise InvalidConfigSecret(f"The secret's {name} is {getattr(config, name)!r}, not {value!r}")
    # A bus of another account would let this domain route central's events to a stranger.
    bus = Arn(central.partition, "events", central.region, account, f"event-bus/{central.prefix}-domain")
    if config.event_bus_arn != str(bus):
        raise InvalidConfigSecret(f"The secret's event_bus_arn must be {bus}")
    key = parse_arn(config.kms_key_arn)
    if (key.service, key.account, key.region) != ("kms", account, central.region):
        raise InvalidConfigSecret(f"The secret's kms_key_arn must be a key of {account} in {central.region}")
    _check_people(config, account, central)
    try:
        check_segments(config.prefix, "config_secret_arn")
    except LocationOutsideDomain as error:
        raise InvalidConfigSecret(f"The secret's prefix: {error.message}") from error


def _check_people(config: DomainConfig, account: str, central: Central) -> None:
    """Check that a configuration names people of its own domain, and a topic of its own that reaches them.

    A topic of another account would have central send the links of approvers to a stranger. Raises InvalidConfigSecret.
    """
    people = (*config.product_owners, *config.data_stewards)
    topic = Arn(central.partition, "sns", central.region, account, f"{central.prefix}-domain-approvals")
    if config.approval_topic_arn not in {None, str(topic)}:
        raise InvalidConfigSecret(f"The secret's approval_topic_arn must be {topic}")
    if people and config.approval_topic_arn is None:
        raise InvalidConfigSecret("The secret has no approval_topic_arn: nobody whom it names could be told anything")
    for group in (config.product_owners, config.data_stewards):
        addresses = [person.email for person in group]
        if len(addresses) > MAX_PEOPLE or len(set(addresses)) != len(addresses):
            raise InvalidConfigSecret(
                f"The secret's product_owners and data_stewards must be at most {MAX_PEOPLE} people, each once"
            )
    if strangers := sorted({person.domain for person in people if person.domain not in {None, config.domain}}, key=str):
        raise InvalidConfigSecret(
            f"The secret names people of {', '.join(map(str, strangers))}, not of {config.domain}"
        )


def wanted_databases(config: DomainConfig, names: Databases) -> tuple[CatalogDatabase, CatalogDatabase]:
    """Return the two databases of a domain as they must be in the catalog."""

    def database(name: str, mode: str) -> CatalogDatabase:
        return CatalogDatabase(
            name=name,
            description=f"Data products of {config.domain}, shared by {'LF-tag' if mode == 'tbac' else 'name'}",
            location=config.location,
            parameters={
                DATA_OWNER: config.account_id,
                DATA_OWNER_NAME: config.domain,
                PII_FLAG: "false",
                ACCESS_MODE: mode,
            },
        )

    return database(names.nrac, "nrac"), database(names.tbac, "tbac")


def location_grants(config: DomainConfig, central: Mesh) -> list[Grant]:
    """Return who may create tables at the domain's location: this workflow, the one that registers products, and the
    domain's account, whose administrator passes it on to the crawlers.
    """
    location = LocationResource(
        catalog_id=central.account_id, arn=s3_arn(central.partition, config.bucket, config.prefix)
    )
    permissions = ("DATA_LOCATION_ACCESS",)
    grants = [
        Grant(principal=role, resource=location, permissions=permissions)
        for role in (central.own_role_arn, central.catalog_writer_role_arn)
    ]
    # Lake Formation cannot grant an account something of its own.
    if config.account_id != central.account_id:
        grants.append(
            Grant(principal=config.account_id, resource=location, permissions=permissions, grantable=permissions)
        )
    return grants


def database_grants(config: DomainConfig, names: Databases, central: Mesh) -> list[Grant]:
    """Return who may do what with the domain's databases."""
    nrac, tbac = (DatabaseResource(catalog_id=central.account_id, name=name) for name in (names.nrac, names.tbac))
    grants = [
        Grant(principal=central.catalog_writer_role_arn, resource=database, permissions=("CREATE_TABLE", "DESCRIBE"))
        for database in (nrac, tbac)
    ]
    if config.account_id != central.account_id:
        grants.append(
            Grant(principal=config.account_id, resource=nrac, permissions=("DESCRIBE",), grantable=("DESCRIBE",))
        )
    return grants


def database_tags(domain: str, tags: Mapping[str, str], key: str) -> dict[str, str]:
    """Return the LF-tags of a domain's tag-based database: the domain's value, and what it was registered with."""
    return {**tags, key: domain}


def domain_expression(domain: str, central: Mesh) -> dict[str, tuple[str, ...]]:
    """Return the tag expression that matches all that a domain shares by LF-tag."""
    return {central.domain_tag_key: (domain,)}


def tag_grants(config: DomainConfig, central: Mesh) -> list[Grant]:
    """Return what a domain's account may do with what carries its value: tag it, and let its own principals and
    crawlers work with it. What is passed on must be this very expression.

    Source: https://docs.aws.amazon.com/lake-formation/latest/dg/cross-account-TBAC.html
    """
    # Lake Formation cannot grant an account something of its own.
    if config.account_id == central.account_id:
        return []
    catalog = central.account_id
    expression = conditions(domain_expression(config.domain, central))
    held = (
        (
            TagResource(catalog_id=catalog, key=central.domain_tag_key, values=(config.domain,)),
            ("ASSOCIATE", "DESCRIBE"),
        ),
        (TagPolicyResource(catalog_id=catalog, resource_type="DATABASE", expression=expression), ("DESCRIBE",)),
        (
            TagPolicyResource(catalog_id=catalog, resource_type="TABLE", expression=expression),
            ("ALTER", "DESCRIBE", "SELECT"),
        ),
    )
    return [
        Grant(principal=config.account_id, resource=resource, permissions=permissions, grantable=permissions)
        for resource, permissions in held
    ]


def route_name(prefix: str, domain: str) -> str:
    """Return the name of the rule that forwards what central addresses to a domain."""
    return f"{prefix}-to-{domain}"


def routing_pattern(account_id: str) -> Json:
    """Return the pattern of what central addresses to one account."""
    return {"source": [CENTRAL_SOURCE], "detail": {"metadata": {"target_account": [account_id]}}}
