"""Which AWS errors pass by themselves, which mean "already done", and how long to wait for the former.

Lake Formation, Glue and RAM say the same thing in several ways, told apart only by the message; botocore's own retries
know codes. Sources: https://docs.aws.amazon.com/lake-formation/latest/dg/troubleshooting.html and the error lists of
the API references of the three services.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

from botocore.exceptions import ClientError

from datamesh.models.errors import AwsTemporarilyUnavailable
from datamesh.observability import logger

T = TypeVar("T")

THROTTLES = frozenset(
    {"Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded", "SlowDown"}
)
HICCUPS = frozenset(
    {
        "OperationTimeoutException",
        "InternalServiceException",
        "InternalServiceError",
        "InternalServerError",
        "InternalFailure",
        "InternalError",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "ServerInternalException",
        "500",
        "503",
    }
)
INVALID_INPUT = frozenset({"InvalidInputException", "InvalidParameterException"})
ACCESS_DENIED = frozenset({"AccessDeniedException", "AccessDenied"})


class Handling(Enum):
    """What to do about an error."""

    RETRY = "retry"
    ALREADY_DONE = "already done"
    FATAL = "fatal"


@dataclass(frozen=True)
class Rule:
    """One row of the table: applies to a code (any when empty) whose message contains a fragment (any when empty)."""

    handling: Handling
    codes: frozenset[str] = frozenset()
    fragments: tuple[str, ...] = ()
    budget: float = 0.0
    cap: float = 20.0

    def matches(self, code: str, message: str) -> bool:
        """Tell whether this row speaks of the error."""
        text = message.lower()
        return (not self.codes or code in self.codes) and (
            not self.fragments or any(fragment in text for fragment in self.fragments)
        )


FATAL = Rule(Handling.FATAL)

# In order: the first row that matches decides. Budgets are seconds of waiting.
RULES: tuple[Rule, ...] = (
    Rule(Handling.RETRY, frozenset({"ConcurrentModificationException"}), budget=120, cap=20),
    Rule(Handling.RETRY, THROTTLES, budget=90, cap=15),
    Rule(Handling.RETRY, HICCUPS, budget=60, cap=10),
    # IAM has not told Lake Formation of the new role yet.
    Rule(Handling.RETRY, INVALID_INPUT, ("invalid principal",), budget=120, cap=15),
    # The registration of a location takes effect a moment after it is accepted.
    Rule(Handling.RETRY, INVALID_INPUT | ACCESS_DENIED, ("register the s3 path",), budget=120, cap=15),
    # The share is not visible yet, or its association failed: the caller looks into RAM when this budget is spent.
    Rule(Handling.RETRY, ACCESS_DENIED, ("insufficient glue permissions to access",), budget=60, cap=10),
    Rule(Handling.ALREADY_DONE, frozenset({"ResourceShareInvitationAlreadyAcceptedException"})),
)

# What a revoke may answer when there is nothing (any more) to revoke.
REVOKE_RULES: tuple[Rule, ...] = (
    Rule(Handling.ALREADY_DONE, INVALID_INPUT, ("grantee has no permissions", "no permissions revoked", "not found")),
    Rule(Handling.ALREADY_DONE, frozenset({"EntityNotFoundException"})),
    *RULES,
)


def error_of(error: ClientError) -> tuple[str, str]:
    """Return code and message of a client error."""
    details = error.response.get("Error", {})
    return details.get("Code", "Unknown"), details.get("Message", "")


def rule_for(code: str, message: str, rules: tuple[Rule, ...] = RULES) -> Rule:
    """Return the row that decides about an error; FATAL when none does."""
    return next((rule for rule in rules if rule.matches(code, message)), FATAL)


@dataclass
class Retrier:
    """Waits out transient errors with exponential backoff and full jitter.

    One retrier serves one invocation: `total` bounds the waiting of all its calls together, so that the function ends
    before Lambda ends it. Sleep, clock and random source are injected by tests.
    """

    total: float = 180.0
    base: float = 0.25
    sleep: Callable[[float], None] = time.sleep
    uniform: Callable[[float, float], float] = random.uniform
    spent: float = field(default=0.0, init=False)

    def call(self, operation: Callable[[], T], *, rules: tuple[Rule, ...] = RULES, done: T | None = None) -> T | None:
        """Run `operation` until it succeeds.

        Returns `done` when the error means that it was done already. Raises the ClientError when it is fatal and
        AwsTemporarilyUnavailable when the budget is spent.
        """
        waited = 0.0
        attempt = 0
        while True:
            try:
                return operation()
            except ClientError as error:
                code, message = error_of(error)
                rule = rule_for(code, message, rules)
                if rule.handling is Handling.FATAL:
                    raise
                if rule.handling is Handling.ALREADY_DONE:
                    return done
                waited += self.pause(rule, attempt, waited, f"{code}: {message}")
                attempt += 1

    def run(self, operation: Callable[[], T], *, rules: tuple[Rule, ...] = RULES) -> T:
        """Run an operation for which no error means success."""
        result: list[T] = []
        self.call(lambda: result.append(operation()), rules=rules)
        return result[0]

    def pause(self, rule: Rule, attempt: int, waited: float, problem: str) -> float:
        """Wait before the next attempt and return for how long.

        Raises AwsTemporarilyUnavailable when the row's budget or that of the whole invocation is spent.
        """
        if waited >= rule.budget or self.spent >= self.total:
            raise AwsTemporarilyUnavailable(problem)
        # At least a tenth of the bound: full jitter alone can draw zeros and spend no budget.
        bound = min(rule.cap, self.base * 2**attempt)
        seconds = min(self.uniform(bound / 10, bound), self.total - self.spent)
        logger.info("Waiting before the next attempt", attempt=attempt, seconds=round(seconds, 2), problem=problem)
        self.sleep(seconds)
        self.spent += seconds
        return seconds
