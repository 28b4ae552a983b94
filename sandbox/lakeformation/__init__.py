"""AWS Lake Formation across accounts, with enforcement: the named-resource method (NRAC).

What it stands on: the Glue catalog stays MiniStack's (this room keeps no copy), shares travel in sandbox.ram, and IAM
is asked through sandbox.authz. `engine` is what Glue, Athena and crawlers ask; `service` answers the API.

Known differences from AWS
--------------------------
* One region per sandbox: settings, locations and permissions are kept per account.
* LF-tags, LF-tag expressions, data cell filters, hybrid access mode and opt-ins, federated catalogs, IAM Identity
  Center, governed tables (transactions), grant conditions, credential vending over the API, query planning and storage
  optimizers are refused with InvalidInputException ("... is not supported by this sandbox"), never accepted.
* Principals are IAM users and roles, accounts, the sandbox's organization, `<account>:IAMPrincipals` and
  IAM_ALLOWED_PRINCIPALS. Organizational units, SAML, QuickSight and Identity Center principals are refused.
* Some refusals are documented by AWS without the text of the error: a grant to the own account, the passing on of a
  received resource to a third account, a cross-account grant while IAM_ALLOWED_PRINCIPALS stands on the resource. The
  codes here are AWS's; those texts are this project's.
* RAM calls that Lake Formation makes for a grantor are checked as ram:GetResourceShares, CreateResourceShare,
  AssociateResourceSharePermission, AssociateResourceShare, DisassociateResourceShare and DeleteResourceShare;
  organizations:* is not checked.
* Data location permissions for other accounts need no RAM share and are effective at once.
* An encrypted Data Catalog is not modelled; a Glue resource policy counts only for what it lets RAM share.
* A revocation by name takes lists of columns exactly as they were granted.
* A deleted and re-created IAM role is the same principal; AWS tells them apart by their unique ids.
* ConcurrentModificationException comes when two grants overlap in time on a principal or a resource of one account;
  the window is a few milliseconds (`windows.HOLD_SECONDS`).
* Permission changes are effective at once; AWS needs seconds.
"""

from __future__ import annotations


def install() -> None:
    """Put Lake Formation into the sandbox: the service, its world and its part of snapshots."""
    from sandbox import adapter, snapshots  # noqa: PLC0415  the room's rules are usable without MiniStack
    from sandbox.lakeformation import live, service, store, world  # noqa: PLC0415

    world.use(live.LiveWorld())
    adapter.register_service("lakeformation", service.handle)
    snapshots.register_room("lakeformation", store.store.get_state, store.store.set_state, store.store.reset)
