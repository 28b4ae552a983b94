"""AWS Resource Access Manager: what Lake Formation shares across accounts travels in its resource shares.

Modelled pages: https://docs.aws.amazon.com/ram/latest/userguide/working-with-sharing-invitations.html,
https://docs.aws.amazon.com/ram/latest/userguide/shareable.html and the API reference
https://docs.aws.amazon.com/ram/latest/APIReference/Welcome.html.

Known differences from AWS
--------------------------
* One region: shares are matched by account and resource, whatever region their ARNs name.
* Shares and associations change state at once; AWS passes through ASSOCIATING and DISASSOCIATING for seconds. What
  takes time on AWS is one configurable delay here: until an invitation arrives, and until what was shared is visible.
* Customer managed permissions, sources, promotion of policy-made shares, tagging and service principals are refused
  with OperationNotPermittedException ("... is not supported by this sandbox").
* What is shared with one role of an account is listed as received to all of that account, and anybody there who may
  accepts the invitation (as data.all does on AWS); RAM's guide does not say whom it lists such shares to.
* Client tokens are accepted and not remembered.
* Deleted shares stay listed as DELETED for ever; AWS forgets them after some hours.
"""

from __future__ import annotations


def install() -> None:
    """Put RAM into the sandbox: the service and its part of snapshots."""
    from sandbox import adapter, snapshots  # noqa: PLC0415  the room's rules are usable without MiniStack
    from sandbox.ram import service, store  # noqa: PLC0415

    adapter.register_service("ram", service.handle)
    snapshots.register_room("ram", store.store.get_state, store.store.set_state, store.store.reset)
