"""AWS Lake Formation across accounts, with enforcement: by name (NRAC) and by LF-tag (LF-TBAC).

What it stands on: the Glue catalog stays MiniStack's (this room keeps no copy), shares travel in sandbox.ram, and IAM
is asked through sandbox.authz. `engine` is what Glue, Athena and crawlers ask; `service` answers the API.

Known differences from AWS
--------------------------
* One region per sandbox: settings, locations and permissions are kept per account.
* Hybrid access mode and opt-ins, federated catalogs, IAM Identity Center, governed tables (transactions), grant
  conditions, credential vending over the API, query planning and storage optimizers are refused with
  InvalidInputException ("... is not supported by this sandbox"), never accepted.
* By LF-tag across accounts: from cross account version 3 on; older versions share by a resource policy of the catalog.
  Databases and tables travel in a share each, which lists the catalog; tags themselves travel in none. Saved
  expressions cannot be granted to other accounts, policies that name one can.
* A recipient passes on by tag the very policy that it received with the grant option, or another one when it may
  DESCRIBE every value of it (permission-cascading-rules); nobody gets more than the account received.
* Partition keys are columns like any other to a tag policy; grants by name always include them.
* A deleted tag takes the grants on it and on expressions with it along, in all accounts; AWS calls them invalid. Saved
  expressions keep it: they match again when a tag of the same name is made.
* LF-tags: the guide's 50 characters count, not the API's 128 and 256. A value that something carries cannot be removed
  (the API reference; the guide says that nobody checks). Administrators hold every permission on their account's tags
  without a grant; one page of the guide wants ASSOCIATE granted on tags that others made. Tags that a caller may not
  see find nothing and are not shown. Whatever else was asked, AddLFTagsToResource and RemoveLFTagsFromResource carry
  out the tags that did not fail.
* Catalogs carry no LF-tags; nested columns are no columns of their own, and cannot stand in the column lists of data
  cells filters (in their row expressions they can).
* Data cells filters, where AWS publishes nothing: their creator holds DESCRIBE and DROP on them with the grant option,
  but not SELECT; to change one needs what making it needs; deleting one takes its account's grants on it along. Filters
  that an account makes of a table that it received are its own, and the owner does not see them. Row expressions are
  checked when filters are made, and refused for types that the guide does not list (dates, small integers). Of
  PartiQL's keywords only those that the guide names must be quoted.
* Across accounts, where AWS publishes nothing: deleting a granted filter leaves its table in the RAM share. What a
  recipient passed on stays listed when the owner took the filter back or deleted it; its account cannot revoke that any
  more (EntityNotFoundException), and it counts again when a filter of that name is shared again. An invitation for a
  role goes to its account (`receiverArn` names the role), and whoever may there accepts it. The grant option of a
  direct grant to another account's role is taken and gives nothing. Administrators see of another account's table the
  columns that their account received, also where AWS may show the names of all.
* ListPermissions by a principal lists its filters with its tables. Roles of other accounts are refused as Principal
  where no Resource is; where that is a filter, nothing is listed (as on AWS: terraform-provider-aws, issue 48360).
* GetEffectivePermissionsForPath, and ListPermissions for a database or table, list what was granted by name.
* Principals are IAM users and roles, accounts, the sandbox's organization, `<account>:IAMPrincipals` and
  IAM_ALLOWED_PRINCIPALS. Organizational units, SAML, QuickSight and Identity Center principals are refused.
* Some refusals are documented by AWS without the text of the error: a grant to the own account, the passing on of a
  received resource to a third account, a cross-account grant while IAM_ALLOWED_PRINCIPALS stands on the resource, an
  LF-tag that is there already or in use, its quotas, an expression that is too long, the fifty-first policy, what was
  shared by tag and has not arrived, most of what is wrong with a data cells filter, the hundred-first of them. The
  codes here are AWS's; those texts are this project's.
* RAM calls that Lake Formation makes for a grantor are checked as ram:GetResourceShares, CreateResourceShare,
  AssociateResourceSharePermission (not by LF-tag), AssociateResourceShare, DisassociateResourceShare and
  DeleteResourceShare; organizations:* is not checked.
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
