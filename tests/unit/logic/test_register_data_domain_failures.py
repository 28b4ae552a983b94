"""register_data_domain: steps that fail, answers that are lost, executions that meet."""

from datetime import timedelta
from typing import Any

import pytest

from datamesh.logic.admission import LEASE
from datamesh.logic.domains import databases_of
from datamesh.models.errors import AwsTemporarilyUnavailable, ConflictError, LeaseLost
from datamesh.models.permissions import IAM_ALLOWED_PRINCIPALS, DatabaseResource, Grant
from datamesh.models.registry import bucket_claim
from tests.support.central import FakeCentral
from tests.support.central_commands import (
    CENTRAL,
    MARKETING,
    SALES,
    bucket_of,
    config_of,
    event,
    register_domain,
    secret_arn,
)

LOCATION = f"arn:aws:s3:::{bucket_of(SALES)}/products"


@pytest.fixture
def central() -> FakeCentral:
    return FakeCentral()


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


def test_a_step_without_a_verified_configuration_has_lost_its_hold(central: FakeCentral) -> None:
    central.step("register_data_domain", "admit", register_domain())
    with pytest.raises(LeaseLost, match="no verified configuration"):
        central.step("register_data_domain", "prepare", register_domain())


def test_a_record_that_changes_while_the_bucket_is_claimed_is_read_again(central: FakeCentral) -> None:
    command = register_domain()
    central.step("register_data_domain", "admit", command)

    def interleave(_changes: object) -> None:
        central.registry.before_write = None
        record = central.registry.domain("sales")
        assert record is not None
        central.registry.items[record.key] = record.model_copy(update={"version": record.version + 1})

    central.registry.before_write = interleave
    assert central.step("register_data_domain", "verify", command)["outcome"] == "verified"
