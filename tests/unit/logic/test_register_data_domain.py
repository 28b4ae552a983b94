"""register_data_domain: who may register what, what is done, and what remains of what went wrong."""

from typing import Any

import pytest

from datamesh.models.permissions import DatabaseResource
from datamesh.models.registry import account_claim, bucket_claim
from tests.support.central import LAKE_ROLE, OWN_ROLE, WRITER_ROLE, FakeCentral, central_with
from tests.support.central_commands import (
    ACCOUNTS,
    CENTRAL,
    MARKETING,
    REGION,
    SALES,
    bucket_of,
    config_of,
    event,
    register_domain,
    secret_arn,
)

LOCATION = f"arn:aws:s3:::{bucket_of(SALES)}/products"


def people(*owners: str) -> dict[str, Any]:
    """Return what a config secret says of the people of sales."""
    return {
        "approval_topic_arn": f"arn:aws:sns:{REGION}:{SALES}:datamesh-domain-approvals",
        "product_owners": [{"email": email, "name": None} for email in owners],
    }


@pytest.fixture
def central() -> FakeCentral:
    return FakeCentral()


def rejection(central: FakeCentral, envelope: dict[str, Any]) -> dict[str, Any]:
    """Deliver a command that must be rejected, and return what the sender is told."""
    before = central.state()
    walk = central.deliver(envelope)
    assert walk.status == "SUCCEEDED"
    assert walk.path[-1] == "Command Rejected"
    assert central.state() == before, "a rejection leaves nothing behind"
    entry = central.published[-1]
    assert entry["Detail"]["metadata"]["target_account"] == envelope["account"]
    told: dict[str, Any] = entry["Detail"]["data"]
    assert told["command"] == envelope["detail-type"]
    return told


def test_a_new_domain_gets_location_databases_grants_route_and_answer(central: FakeCentral) -> None:
    command = register_domain()
    walk = central.deliver(command)
    assert walk.status == "SUCCEEDED"
    assert walk.path[-1] == "Domain Registered"

    assert central.lake_formation.locations == {LOCATION: LAKE_ROLE}
    for principal in (OWN_ROLE, WRITER_ROLE, SALES):
        assert central.lake_formation.on_location(principal, LOCATION) == {"DATA_LOCATION_ACCESS"}
    nrac = central.catalog.databases["datamesh_sales_nrac"]
    assert nrac.location == f"s3://{bucket_of(SALES)}/products/"
    assert nrac.parameters == {
        "data_owner": SALES,
        "data_owner_name": "sales",
        "pii_flag": "false",
        "access_mode": "nrac",
    }
    assert central.catalog.databases["datamesh_sales_tbac"].parameters["access_mode"] == "tbac"
    granted = central.lake_formation.granted
    database = DatabaseResource(catalog_id=CENTRAL, name="datamesh_sales_nrac")
    assert granted[SALES, database] == (frozenset({"DESCRIBE"}), frozenset({"DESCRIBE"}))
    for name in ("nrac", "tbac"):
        resource = DatabaseResource(catalog_id=CENTRAL, name=f"datamesh_sales_{name}")
        assert granted[WRITER_ROLE, resource] == (frozenset({"CREATE_TABLE", "DESCRIBE"}), frozenset[str]())

    route = central.router.routes["datamesh-to-sales"]
    assert route["pattern"] == {
        "source": ["datamesh.central"],
        "detail": {"metadata": {"target_account": [SALES]}},
    }
    assert route["target"] == (
        "domain-bus",
        f"arn:aws:events:{REGION}:{SALES}:event-bus/datamesh-domain",
        f"arn:aws:iam::{CENTRAL}:role/datamesh-central-to-domains",
        f"arn:aws:sqs:{REGION}:{CENTRAL}:datamesh-central-to-domains-dlq",
    )

    [entry] = central.published
    assert entry["Detail"]["data"]["outcome"] == "registered"
    assert entry["Detail"]["data"]["databases"] == {"nrac": "datamesh_sales_nrac", "tbac": "datamesh_sales_tbac"}
    metadata, asked = entry["Detail"]["metadata"], command["detail"]["metadata"]
    assert metadata["correlation_id"] == asked["correlation_id"]
    assert metadata["causation_id"] == asked["event_id"]
    assert metadata["target_account"] == SALES

    record = central.registry.domain("sales")
    assert record is not None
    assert (record.status, record.account_id, record.pending) == ("REGISTERED", SALES, None)
    assert record.config == central.domains.secrets[secret_arn(SALES)]
    assert central.registry.owner(account_claim(SALES, "sales")) == "sales"
    assert central.registry.owner(bucket_claim(bucket_of(SALES), "sales")) == "sales"


def test_three_domains_stand_side_by_side() -> None:
    central = central_with(*ACCOUNTS)
    assert len(central.catalog.databases) == 6
    assert set(central.router.routes) == {f"datamesh-to-{domain}" for domain in ACCOUNTS}


def test_a_duplicate_changes_nothing_and_says_nothing(central: FakeCentral) -> None:
    command = register_domain()
    central.deliver(command)
    before, said = central.state(), len(central.published)
    walk = central.deliver(command)
    assert walk.path[-1] == "Already Done"
    assert (central.state(), len(central.published)) == (before, said)


def test_the_same_content_again_is_unchanged(central: FakeCentral) -> None:
    central.deliver(register_domain())
    central.deliver(register_domain(minute=1))
    assert [fact["outcome"] for fact in central.said("DataDomainRegistered")] == ["registered", "unchanged"]


def test_another_key_is_an_update(central: FakeCentral) -> None:
    central.deliver(register_domain())
    changed = config_of("sales", kms_key_arn=f"arn:aws:kms:{REGION}:{SALES}:key/other")
    central.domains.secrets[secret_arn(SALES)] = changed
    central.deliver(register_domain(minute=1))
    record = central.registry.domain("sales")
    assert record is not None
    assert record.config == changed
    assert central.said("DataDomainRegistered")[-1]["outcome"] == "updated"


def test_other_people_are_an_update(central: FakeCentral) -> None:
    central.domains.secrets[secret_arn(SALES)] = config_of("sales", **people("olga@sales.example"))
    central.deliver(register_domain())
    changed = config_of("sales", **people("olga@sales.example", "Omar@Sales.example"))
    central.domains.secrets[secret_arn(SALES)] = changed
    central.deliver(register_domain(minute=1))
    central.deliver(register_domain(minute=2))
    record = central.registry.domain("sales")
    assert record is not None
    assert record.config is not None
    assert [person.email for person in record.config.product_owners] == ["olga@sales.example", "omar@sales.example"]
    outcomes = [fact["outcome"] for fact in central.said("DataDomainRegistered")]
    assert outcomes == ["registered", "updated", "unchanged"]


def test_a_late_command_does_not_undo_a_newer_one(central: FakeCentral) -> None:
    central.deliver(register_domain(minute=5))
    before = central.state()
    central.domains.secrets[secret_arn(SALES)] = config_of("sales", kms_key_arn=f"arn:aws:kms:{REGION}:{SALES}:key/old")
    walk = central.deliver(register_domain(minute=1))
    assert walk.path[-1] == "Already Done"
    assert central.state() == before


# --- refused ---------------------------------------------------------------------------------------------------------


def test_another_account_cannot_take_a_domain_over() -> None:
    central = central_with("sales")
    told = rejection(central, register_domain("sales", account=MARKETING))
    assert (told["code"], told["field"], told["domain"]) == ("SenderNotOwner", "domain", "sales")


def test_an_account_is_one_domain() -> None:
    central = central_with("sales")
    command = event("RegisterDataDomain", {"domain": "trade", "config_secret_arn": secret_arn(SALES)}, account=SALES)
    assert rejection(central, command)["code"] == "AccountAlreadyRegistered"


@pytest.mark.parametrize(
    "arn",
    [
        secret_arn(MARKETING),
        f"arn:aws:secretsmanager:us-east-1:{SALES}:secret:datamesh-domain-config-a1B2c3",
        f"arn:aws:secretsmanager:{REGION}:{SALES}:secret:something-else-a1B2c3",
        f"arn:aws-cn:secretsmanager:{REGION}:{SALES}:secret:datamesh-domain-config-a1B2c3",
        f"arn:aws:ssm:{REGION}:{SALES}:secret:datamesh-domain-config-a1B2c3",
    ],
)
def test_the_secret_must_be_the_senders_own(central: FakeCentral, arn: str) -> None:
    command = event("RegisterDataDomain", {"domain": "sales", "config_secret_arn": arn})
    told = rejection(central, command)
    assert (told["code"], told["field"]) == ("InvalidConfigSecret", "config_secret_arn")


def test_an_unreadable_secret_is_refused(central: FakeCentral) -> None:
    del central.domains.secrets[secret_arn(SALES)]
    assert rejection(central, register_domain())["code"] == "InvalidConfigSecret"


@pytest.mark.parametrize(
    "changes",
    [
        {"domain": "marketing"},
        {"account_id": MARKETING},
        {"region": "us-east-1"},
        {"event_bus_arn": f"arn:aws:events:{REGION}:{MARKETING}:event-bus/datamesh-domain"},
        {"event_bus_arn": f"arn:aws:events:{REGION}:{SALES}:event-bus/another"},
        {"kms_key_arn": f"arn:aws:kms:{REGION}:{MARKETING}:key/0a1b"},
        {"kms_key_arn": f"arn:aws:kms:us-east-1:{SALES}:key/0a1b"},
        {"prefix": "products/../raw/"},
        {"prefix": "./"},
        {"approval_topic_arn": f"arn:aws:sns:{REGION}:{MARKETING}:datamesh-domain-approvals"},
        {"approval_topic_arn": f"arn:aws:sns:us-east-1:{SALES}:datamesh-domain-approvals"},
        {"approval_topic_arn": f"arn:aws:sns:{REGION}:{SALES}:another"},
        {"approval_topic_arn": f"arn:aws:sqs:{REGION}:{SALES}:datamesh-domain-approvals"},
        {"product_owners": [{"email": "olga@sales.example"}]},
        people("olga@sales.example", "OLGA@sales.example"),
        people(*(f"owner{number}@sales.example" for number in range(51))),
        {**people(), "data_stewards": [{"email": "fred@finance.example", "domain": "finance"}]},
    ],
)
def test_the_secret_must_speak_of_the_sender_alone(central: FakeCentral, changes: dict[str, Any]) -> None:
    central.domains.secrets[secret_arn(SALES)] = config_of("sales", **changes)
    assert rejection(central, register_domain())["code"] == "InvalidConfigSecret"


def test_another_accounts_bucket_is_refused(central: FakeCentral) -> None:
    central.domains.secrets[secret_arn(SALES)] = config_of("sales", bucket=bucket_of(MARKETING))
    assert rejection(central, register_domain())["code"] == "BucketNotOwned"


def test_a_bucket_of_another_domain_is_refused() -> None:
    central = central_with("marketing")
    # S3 cannot have it so; the registry does not depend on that.
    central.domains.secrets[secret_arn(SALES)] = config_of("sales", bucket=bucket_of(MARKETING))
    central.domains.buckets[bucket_of(MARKETING)] = SALES
    assert rejection(central, register_domain())["code"] == "BucketAlreadyClaimed"


@pytest.mark.parametrize("changes", [{"prefix": "elsewhere/"}, {"bucket": "another-bucket-of-sales"}])
def test_a_domain_cannot_move(changes: dict[str, str]) -> None:
    central = central_with("sales")
    central.domains.buckets["another-bucket-of-sales"] = SALES
    central.domains.secrets[secret_arn(SALES)] = config_of("sales", **changes)
    assert rejection(central, register_domain(minute=1))["code"] == "LocationChanged"
    # The domain is as it was, and can be registered again.
    central.domains.secrets[secret_arn(SALES)] = config_of("sales")
    assert central.deliver(register_domain(minute=2)).path[-1] == "Domain Registered"


def test_a_broken_command_is_answered_with_the_field_at_fault(central: FakeCentral) -> None:
    told = rejection(central, event("RegisterDataDomain", {"domain": "Sales!", "config_secret_arn": secret_arn(SALES)}))
    assert (told["code"], told["field"], told["domain"]) == ("InvalidCommand", "domain", "Sales!")


def test_even_broken_metadata_is_answered(central: FakeCentral) -> None:
    command = register_domain()
    command["detail"]["metadata"] = "none"
    told = rejection(central, command)
    assert (told["code"], told["field"]) == ("InvalidCommand", "metadata")


def test_the_future_is_refused(central: FakeCentral) -> None:
    assert rejection(central, register_domain(minute=70))["code"] == "OccurredInFuture"
