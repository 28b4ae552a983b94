"""register_data_domain: who may register what, what is done, and what remains of what went wrong."""

from datetime import timedelta
from typing import Any

import pytest

from datamesh.logic.admission import LEASE
from datamesh.logic.register_data_domain import databases_of
from datamesh.models.errors import AwsTemporarilyUnavailable, ConflictError, LeaseLost
from datamesh.models.permissions import IAM_ALLOWED_PRINCIPALS, DatabaseResource, Grant
from datamesh.models.registry import account_claim, bucket_claim
from tests.support.central_fakes import (
    ACCOUNTS,
    CENTRAL,
    LAKE_ROLE,
    MARKETING,
    OWN_ROLE,
    REGION,
    SALES,
    WRITER_ROLE,
    FakeCentral,
    bucket_of,
    central_with,
    config_of,
    event,
    register_domain,
    secret_arn,
)

LOCATION = f"arn:aws:s3:::{bucket_of(SALES)}/products"


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
    assert granted[SALES, database] == ({"DESCRIBE"}, {"DESCRIBE"})
    for name in ("nrac", "tbac"):
        resource = DatabaseResource(catalog_id=CENTRAL, name=f"datamesh_sales_{name}")
        assert granted[WRITER_ROLE, resource] == ({"CREATE_TABLE", "DESCRIBE"}, frozenset())

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
    assert record.config == config_of("sales")
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
    ],
)
def test_the_secret_must_speak_of_the_sender_alone(central: FakeCentral, changes: dict[str, str]) -> None:
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


# --- failures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["admit", "verify", "prepare", "route", "record", "publish", "confirm"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_failed_step_is_recorded_and_the_command_sent_again_heals(central: FakeCentral, step: str, when: Any) -> None:
    command = register_domain()
    central.fail_once(step, RuntimeError("broken"), when)
    walk = central.deliver(command)
    if (step, when) == ("publish", "after"):
        assert walk.status == "SUCCEEDED"  # a service integration has no afterwards
        return
    assert (walk.status, walk.error) == ("FAILED", "RuntimeError")
    assert walk.cause is not None
    assert "broken" in walk.cause
    record = central.registry.domain("sales")
    if record is not None and (step, when) != ("confirm", "after"):
        assert record.status == "FAILED"
        assert "broken" in (record.error or "")

    again = central.deliver(command)
    healthy = FakeCentral()
    healthy.deliver(command)
    assert again.status == "SUCCEEDED"
    assert central.state() == healthy.state()
    assert "registered" in {fact["outcome"] for fact in central.said("DataDomainRegistered")}


@pytest.mark.parametrize("step", ["admit", "verify", "prepare", "route", "record", "confirm"])
def test_a_lost_answer_is_asked_for_again(central: FakeCentral, step: str) -> None:
    central.fail_once(step, AwsTemporarilyUnavailable("lost"), "after")
    walk = central.deliver(register_domain())
    assert walk.status == "SUCCEEDED"
    assert [fact["outcome"] for fact in central.said("DataDomainRegistered")] == ["registered"]


def test_a_database_of_another_is_not_overwritten(central: FakeCentral) -> None:
    central.deliver(register_domain())
    nrac = central.catalog.databases["datamesh_sales_nrac"]
    central.catalog.databases["datamesh_sales_nrac"] = nrac.model_copy(
        update={"parameters": {**nrac.parameters, "data_owner": MARKETING}}
    )
    walk = central.deliver(register_domain(minute=1))
    assert (walk.status, walk.error) == ("FAILED", ConflictError.__name__)


def test_default_permissions_are_cleared(central: FakeCentral) -> None:
    central.catalog.default_permissions = True
    central.deliver(register_domain())
    assert not [who for who, _ in central.lake_formation.granted if who == IAM_ALLOWED_PRINCIPALS]


def test_a_location_registered_with_another_role_fails(central: FakeCentral) -> None:
    central.lake_formation.locations[LOCATION] = "arn:aws:iam::111111111111:role/another"
    assert central.deliver(register_domain()).error == "ConflictError"


# --- concurrency -----------------------------------------------------------------------------------------------------


def test_the_same_command_twice_at_once_runs_once(central: FakeCentral) -> None:
    command = register_domain()
    assert central.step("register_data_domain", "admit", command, "one")["outcome"] == "admitted"
    assert central.step("register_data_domain", "admit", command, "two")["outcome"] == "duplicate"
    # The first one's own retry goes on.
    assert central.step("register_data_domain", "admit", command, "one")["outcome"] == "admitted"


def test_a_crashed_execution_is_replaced_after_its_lease(central: FakeCentral) -> None:
    command = register_domain()
    central.step("register_data_domain", "admit", command, "crashed")
    central.step("register_data_domain", "verify", command, "crashed")
    central.now += LEASE
    walk = central.deliver(command)
    assert walk.path[-1] == "Domain Registered"
    with pytest.raises(LeaseLost):
        central.step("register_data_domain", "prepare", command, "crashed")


def test_another_command_waits_for_the_one_in_progress(central: FakeCentral) -> None:
    central.step("register_data_domain", "admit", register_domain(), "one")
    walk = central.deliver(register_domain(minute=1))
    assert (walk.status, walk.error) == ("FAILED", "RecordBusy")
    assert walk.path.count("Admit Command") == 1
    assert len([call for call in walk.calls if call.step == "admit"]) > 5


def test_two_domains_for_one_account_at_once_leave_one(central: FakeCentral) -> None:
    rival = event("RegisterDataDomain", {"domain": "trade", "config_secret_arn": secret_arn(SALES)}, account=SALES)
    others = iter([lambda: central.step("register_data_domain", "admit", rival, "rival")])

    def interleave(_changes: object) -> None:
        central.registry.before_write = None
        next(others)()

    central.registry.before_write = interleave
    result = central.step("register_data_domain", "admit", register_domain(), "one")
    assert (result["outcome"], result["code"]) == ("rejected", "AccountAlreadyRegistered")
    assert central.registry.domain("sales") is None


def test_a_bucket_claimed_in_between_is_refused(central: FakeCentral) -> None:
    central.step("register_data_domain", "admit", register_domain(), "one")
    central.registry.items[bucket_claim(bucket_of(SALES), "finance").key] = "finance"
    result = central.step("register_data_domain", "verify", register_domain(), "one")
    assert result["code"] == "BucketAlreadyClaimed"


def test_a_retry_with_another_bucket_gives_the_first_one_back(central: FakeCentral) -> None:
    central.fail_once("prepare", RuntimeError("broken"))
    central.deliver(register_domain())
    central.domains.buckets["datamesh-domain-other"] = SALES
    central.domains.secrets[secret_arn(SALES)] = config_of("sales", bucket="datamesh-domain-other")
    assert central.deliver(register_domain(minute=1)).status == "SUCCEEDED"
    assert central.registry.owner(bucket_claim(bucket_of(SALES), "sales")) is None
    assert central.registry.owner(bucket_claim("datamesh-domain-other", "sales")) == "sales"


def test_a_rejection_after_a_failure_keeps_the_failure(central: FakeCentral) -> None:
    central.fail_once("prepare", RuntimeError("broken"))
    central.deliver(register_domain())
    del central.domains.secrets[secret_arn(SALES)]
    central.deliver(register_domain(minute=1))
    record = central.registry.domain("sales")
    assert record is not None
    assert record.status == "FAILED"


def test_a_record_that_keeps_changing_is_busy(central: FakeCentral) -> None:
    central.deliver(register_domain())

    def touch(_changes: object) -> None:
        record = central.registry.domain("sales")
        assert record is not None
        central.registry.items[record.key] = record.model_copy(update={"version": record.version + 1})

    central.registry.before_write = touch
    assert central.deliver(register_domain(minute=1)).error == "RecordBusy"


def test_central_can_be_a_domain_too() -> None:
    central = FakeCentral(account_id=SALES)
    walk = central.deliver(register_domain())
    assert walk.status == "SUCCEEDED"
    assert not [who for who, _ in central.lake_formation.granted if who == SALES], "no grant to the own account"


def test_failing_before_anything_is_held_records_nothing(central: FakeCentral) -> None:
    broken = event("RegisterDataDomain", {"domain": 5})
    result = central.step("register_data_domain", "fail", broken, error={"Error": "X", "Cause": "y", "State": "Z"})
    assert result == {"outcome": "failed", "recorded": False}
    result = central.step("register_data_domain", "fail", register_domain())
    assert result == {"outcome": "failed", "recorded": False}


def test_names_of_databases_take_the_prefix_with_underscores() -> None:
    assert databases_of("my-mesh", "sales").nrac == "my_mesh_sales_nrac"


def test_a_grant_that_stands_is_not_an_obstacle(central: FakeCentral) -> None:
    database = DatabaseResource(catalog_id=CENTRAL, name="datamesh_sales_nrac")
    central.lake_formation.grant([Grant(principal=SALES, resource=database, permissions=("DESCRIBE",))])
    assert central.deliver(register_domain()).status == "SUCCEEDED"


def test_the_lease_is_longer_than_any_execution() -> None:
    assert timedelta(seconds=1_800) < LEASE
