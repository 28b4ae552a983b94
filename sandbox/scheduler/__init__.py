"""EventBridge Scheduler: schedules that fire on the sandbox's clock, with the role they name.

MiniStack keeps schedules and groups; what a request may say, who may make it, when a schedule is due and what its
target receives is decided here. Delivery is that of sandbox/events (roles, retries, dead letters, trace).

Knowingly different from AWS:

* A schedule fires within a quarter of a second of its time (AWS: within 60 seconds); flexible time windows are ignored.
* When the clock jumps over several times of a rate or cron schedule, it fires once.
* A one-time schedule in the past fires at once. AWS does not document what it does.
* Templated targets only: an `aws-sdk` universal target goes to the dead-letter queue with SDK_CLIENT_ERROR.
* Schedule groups are gone at once, with their schedules; no KMS key, no quotas, client tokens do nothing.
* The body of a dead letter is the schedule's input. AWS sends the request it made of it.
"""

from __future__ import annotations

from sandbox import adapter
from sandbox.scheduler import firing, management


def install() -> None:
    """Put the gate before MiniStack's Scheduler, and our clock behind its schedules."""
    adapter.wrap_service("scheduler", management.handle)
    adapter.patch("services.scheduler", "_ticker_loop", lambda _: firing.watch)
