"""Glue as Lake Formation guards it: the Data Catalog across accounts, resource links, and crawlers that crawl.

The records lie in MiniStack's stores (`store`); who may see and change them is decided here, after IAM.

What is modelled, with its source:

* Visibility and permissions: https://docs.aws.amazon.com/lake-formation/latest/dg/lf-permissions-reference.html,
  https://docs.aws.amazon.com/lake-formation/latest/dg/access-control-underlying-data.html. What a caller may not see
  answers EntityNotFoundException, what it sees but may not do AccessDeniedException.
* Resource links: https://docs.aws.amazon.com/lake-formation/latest/dg/resource-links-glue-apis.html. GetTable and
  GetTables return a link under its own name, database and catalog, with `TargetTable` and with the target's columns,
  location and parameters where the caller may see the target; where it may not (or the target is gone) the link's own
  properties, as AWS documents it for databases.
* Crawlers: `crawl`, `inference`, `definitions`. A run with UPDATE_IN_DATABASE removes metadata that a crawler does not
  set (table parameters, comments and parameters of columns) unless its configuration says MergeNewColumns:
  https://docs.aws.amazon.com/glue/latest/dg/crawler-configuration.html. A CSV file of nothing but text has no header
  unless a classifier says so: https://docs.aws.amazon.com/glue/latest/dg/add-classifier.html.

Knowingly different from AWS:

* Only the default catalog of each account (`CatalogId` is an account id); regions do not see each other.
* The catalog's resource policy is kept and returned, but grants nothing: other accounts come in by Lake Formation only.
* DESCRIBE together with SELECT on some columns shows those columns only; AWS shows all.
* Creating, changing and deleting partitions asks for ALTER; AWS documents no permission for it.
* No table versions, transactions, catalog encryption, state-change events of databases and tables, and no quotas except
  1,000 crawlers per account. Jobs, triggers, workflows and connections are MiniStack's.
* Crawlers read Parquet, CSV and JSON on S3, one table per path or catalog target; files of another format than most
  below the path are left out. Of custom classifiers only the first for CSV counts. No schedules, event queues,
  exclusions or `Partitions` behaviour; statistics count what was sampled. Logs are not written. A cancelled run sends
  no event, as none is documented.
* A crawl takes as long as reading takes; `latency` settings `glue:crawl` and `glue:stop` lengthen RUNNING and STOPPING.
"""

from __future__ import annotations


def install() -> None:
    """Put the gate before MiniStack's Glue. Once per process."""
    # Not at the top: `sandbox.glue.resources` must stay importable without the rest of the sandbox.
    from sandbox import adapter, snapshots  # noqa: PLC0415
    from sandbox.glue import crawlers, gate, policies  # noqa: PLC0415

    adapter.wrap_service("glue", gate.handle)

    def restore(state: dict[tuple[str, str], dict[str, object]]) -> None:
        crawlers.reset()
        policies.set_state(state)

    snapshots.register_room("glue", policies.get_state, restore, lambda: restore({}))


__all__ = ["install"]
