"""Which errors are waited out, which mean "already done", and for how long one waits."""

from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError

from datamesh.aws.retry import REVOKE_RULES, RULES, Handling, Retrier, error_of, rule_for
from datamesh.models.errors import AwsTemporarilyUnavailable


def client_error(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "AnyOperation")


class Scripted:
    """An operation that fails with the given errors, then succeeds."""

    def __init__(self, *errors: ClientError) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def retrier(slept: list[float]) -> Retrier:
    return Retrier(sleep=slept.append, uniform=lambda _low, high: high)


@pytest.mark.parametrize(
    ("code", "message", "handling"),
    [
        ("ConcurrentModificationException", "", Handling.RETRY),
        ("ThrottlingException", "Rate exceeded", Handling.RETRY),
        ("TooManyRequestsException", "", Handling.RETRY),
        ("OperationTimeoutException", "", Handling.RETRY),
        ("InternalServiceException", "", Handling.RETRY),
        ("InternalServerError", "", Handling.RETRY),
        ("InvalidInputException", "Invalid principal, arn:aws:iam::1:role/new", Handling.RETRY),
        ("InvalidInputException", "You must register the S3 path first", Handling.RETRY),
        ("AccessDeniedException", "Insufficient Glue permissions to access table t", Handling.RETRY),
        ("AccessDeniedException", "Insufficient Lake Formation permission(s): Required Alter on t", Handling.FATAL),
        ("InvalidInputException", "Insufficient Lake Formation permissions: Illegal combination", Handling.FATAL),
        ("InvalidInputException", "Consumer account has opt-in to cross account version: v3", Handling.FATAL),
        ("InvalidInputException", "Grantee has no permissions", Handling.FATAL),
        ("AccessDeniedException", "Insufficient encryption key permissions for Glue API", Handling.FATAL),
        ("EntityNotFoundException", "Table not found", Handling.FATAL),
        ("AlreadyExistsException", "", Handling.FATAL),
        ("ResourceShareInvitationAlreadyAcceptedException", "", Handling.ALREADY_DONE),
    ],
)
def test_code_and_message_decide(code: str, message: str, handling: Handling) -> None:
    assert rule_for(code, message, RULES).handling is handling


@pytest.mark.parametrize(
    ("code", "message", "handling"),
    [
        ("InvalidInputException", "Grantee has no permissions on the resource", Handling.ALREADY_DONE),
        ("InvalidInputException", "No permissions revoked. Grantee does not have: [SELECT]", Handling.ALREADY_DONE),
        ("InvalidInputException", "Table not found", Handling.ALREADY_DONE),
        ("EntityNotFoundException", "", Handling.ALREADY_DONE),
        ("ConcurrentModificationException", "", Handling.RETRY),
        ("AccessDeniedException", "not allowed", Handling.FATAL),
    ],
)
def test_a_revoke_succeeds_when_there_is_nothing_to_revoke(code: str, message: str, handling: Handling) -> None:
    assert rule_for(code, message, REVOKE_RULES).handling is handling


def test_what_passes_is_waited_out(retrier: Retrier, slept: list[float]) -> None:
    operation = Scripted(*[client_error("ConcurrentModificationException")] * 8)
    assert retrier.run(operation) == "done"
    assert operation.calls == 9
    assert slept == [0.25, 0.5, 1, 2, 4, 8, 16, 20]


def test_jitter_is_drawn_from_the_whole_interval() -> None:
    drawn: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        drawn.append((low, high))
        return low

    retrier = Retrier(sleep=lambda _seconds: None, uniform=uniform)
    retrier.run(Scripted(*[client_error("ThrottlingException")] * 3))
    assert drawn == [(0.025, 0.25), (0.05, 0.5), (0.1, 1.0)]


def test_what_does_not_pass_fails_at_once(retrier: Retrier, slept: list[float]) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        retrier.run(Scripted(client_error("AccessDeniedException")))
    assert slept == []


def test_what_is_done_already_is_no_error(retrier: Retrier) -> None:
    operation = Scripted(client_error("ResourceShareInvitationAlreadyAcceptedException"))
    assert retrier.call(operation, done="accepted") == "accepted"


@pytest.mark.parametrize(
    ("make", "seconds"),
    [(lambda: client_error("ThrottlingException"), 90), (lambda: client_error("InternalServiceException"), 60)],
)
def test_a_row_has_a_budget(
    retrier: Retrier, slept: list[float], make: Callable[[], ClientError], seconds: float
) -> None:
    with pytest.raises(AwsTemporarilyUnavailable) as problem:
        retrier.run(Scripted(*[make() for _ in range(100)]))
    assert seconds <= sum(slept) < seconds + 20
    assert isinstance(problem.value.__context__, ClientError)


def test_an_invocation_has_a_budget_for_all_its_calls(slept: list[float]) -> None:
    retrier = Retrier(total=3, sleep=slept.append, uniform=lambda _low, high: high)
    retrier.run(Scripted(*[client_error("ThrottlingException")] * 3))
    with pytest.raises(AwsTemporarilyUnavailable):
        retrier.run(Scripted(*[client_error("ThrottlingException")] * 9))
    assert sum(slept) == 3


def test_an_error_without_details_is_unknown() -> None:
    assert error_of(ClientError({}, "AnyOperation")) == ("Unknown", "")
