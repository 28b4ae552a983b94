"""`make demo`: the mesh from nothing to a consumer's query, told step by step, kept in build/demo.json."""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
from collections.abc import Callable
from typing import Any

from rich.table import Table

from sandbox.client import Sandbox
from sandbox.mesh import data, people, query
from sandbox.mesh.approval_story import ApprovalStory
from sandbox.mesh.bring_up import Mesh, bring_up
from sandbox.mesh.commands import put_command
from sandbox.mesh.layout import BUILD, CENTRAL, FINANCE, MARKETING, PORT, PREFIX, SALES, Account
from sandbox.mesh.listener import Listener, SeenEvent
from sandbox.mesh.progress import Progress

# The local databases that the mesh makes in every account that may see products of sales: by name, and by LF-tag.
DATABASE = f"{PREFIX}_{SALES.domain}"
TAG_DATABASE = f"{PREFIX}_{SALES.domain}_tbac"

SQL = f"""\
SELECT a.name AS destination, count(*) AS flights, round(avg(f.dep_delay), 1) AS mean_delay_in_minutes
FROM {DATABASE}.flights f
JOIN {DATABASE}.airports a ON a.faa = f.dest
WHERE f.month BETWEEN 6 AND 8
GROUP BY a.name
ORDER BY flights DESC
LIMIT 5"""  # noqa: S608 - all names are constants of this module

SQL_BY_TAG = f"""\
SELECT manufacturer, count(*) AS aircraft
FROM {TAG_DATABASE}.aircraft
GROUP BY manufacturer
ORDER BY aircraft DESC
LIMIT 3"""  # noqa: S608

SQL_WEATHER = f"SELECT origin, count(*) AS hours FROM {TAG_DATABASE}.weather GROUP BY origin ORDER BY origin"  # noqa: S608


class Demo:
    """The story after the mesh is up. Each method is one step."""

    def __init__(self, mesh: Mesh, listener: Listener, progress: Progress) -> None:
        self.mesh = mesh
        self.listener = listener
        self.progress = progress
        self.result: dict[str, Any] = {"sql": SQL, "columns": [], "rows": []}
        self.by_tag: dict[str, Any] = {"sql": SQL_BY_TAG, "columns": [], "rows": []}
        self.refused: list[dict[str, str]] = []
        self.approvals: ApprovalStory | None = None

    def register_product(self) -> str:
        """A producer's pipeline registers the product; the producer's account links and crawls it by itself."""
        return self.register(data.product(self.mesh.location(SALES)))

    def register_tagged_product(self) -> str:
        """The pipeline registers a product that is shared by LF-tag; one of its columns carries another tag."""
        return self.register(data.tagged_product(self.mesh.location(SALES)))

    def add_tagged_table(self) -> str:
        """The pipeline adds a table that carries the tag; the analyst reads it though nobody granted anything."""
        columns = self.register(data.tagged_product(self.mesh.location(SALES), weather_tags=data.OPEN))
        return f"{columns}; {len(self._rows(SQL_WEATHER, TAG_DATABASE))} rows for the analyst"

    def take_tag_away(self) -> str:
        """The pipeline registers the table without its tag; the analyst is refused, and was told."""
        manifest = data.tagged_product(self.mesh.location(SALES), weather_tags={})
        correlation_id = self.mesh.put_product(manifest)
        changed = self.listener.wait("DataProductTagsChanged", correlation_id, receiver=MARKETING.name)
        effects = {change["table"]: change["effect"] for change in changed.data["changes"]}
        refusal = self.refuse(people.ANALYST, MARKETING.name, SQL_WEATHER, TAG_DATABASE)
        return f"marketing was told: weather is {effects.get('weather')}; the analyst: {refusal}"

    def register(self, manifest: dict[str, Any]) -> str:
        """Put a manifest on the producer's bus and wait until its tables are crawled; return what was found."""
        return self.mesh.register_product(manifest, self.listener)

    def request_access(self) -> str:
        """The consumer asks for the product in the name of its analyst and waits until it is provisioned."""
        ready = self._request(
            {
                "product": {"domain": SALES.domain, "name": data.PRODUCT},
                "tables": ["flights", "airports"],
                "justification": "Where did New Yorkers wait longest to fly to in the summer of 2013?",
            }
        )
        return f"{', '.join(ready.data['tables'])} in {ready.data['database']}"

    def request_by_tag(self) -> str:
        """The consumer asks for whatever carries the tags, and waits until it is provisioned."""
        ready = self._request({"expression": data.EXPRESSION, "justification": "Which aircraft fly from New York?"})
        asked = " and ".join(f"{key}={' or '.join(values)}" for key, values in data.EXPRESSION.items())
        return f"{asked} in {', '.join(ready.data['databases'])}"

    def _request(self, asked: dict[str, Any]) -> SeenEvent:
        request = {
            "request_id": str(uuid.uuid4()),
            "domain": MARKETING.domain,
            "principals": [MARKETING.role_arn(people.ANALYST)],
        }
        session = people.root_session(MARKETING)
        correlation_id = put_command(
            session, self.mesh.endpoint, MARKETING, "RequestDataProductAccess", request | asked
        )
        self.listener.wait("DataProductAccessGranted", correlation_id, receiver=MARKETING.name)
        return self.listener.wait("DataProductAccessProvisioned", correlation_id, receiver="central")

    def query_as_analyst(self) -> str:
        """The analyst's query returns the rows."""
        answer = self.query(MARKETING, people.ANALYST, SQL, DATABASE)
        self.result |= {"columns": answer.columns, "rows": answer.rows}
        if not answer.rows:
            raise query.QueryRefusedError("the query returned no rows")
        return f"{len(answer.rows)} rows"

    def query_by_tag(self) -> str:
        """The analyst reads what the tag grant covers, and everything but the column that carries another tag."""
        shown = self.query(MARKETING, people.ANALYST, f"SELECT * FROM {TAG_DATABASE}.aircraft LIMIT 1", TAG_DATABASE)  # noqa: S608
        if "tailnum" in shown.columns:
            raise AssertionError("SELECT * shows the column that carries another tag")
        answer = self.query(MARKETING, people.ANALYST, SQL_BY_TAG, TAG_DATABASE)
        self.by_tag |= {"columns": answer.columns, "rows": answer.rows, "all_columns": shown.columns}
        return f"{len(answer.rows)} rows; SELECT * shows {', '.join(shown.columns)}"

    def refuse_hidden_column(self) -> str:
        """Asked for by its name, the column that carries another tag is refused."""
        sql = f"SELECT tailnum FROM {TAG_DATABASE}.aircraft LIMIT 1"  # noqa: S608 - a constant
        return self.refuse(people.ANALYST, MARKETING.name, sql, TAG_DATABASE)

    def _rows(self, sql: str, database: str) -> list[list[str]]:
        rows = self.query(MARKETING, people.ANALYST, sql, database).rows
        if not rows:
            raise query.QueryRefusedError("the query returned no rows")
        return rows

    def query(self, account: Account, who: str, sql: str, database: str) -> query.Result:
        """Query with Athena as somebody in an account. Raises QueryRefusedError."""
        session = people.role_session(account, who, self.mesh.endpoint)
        results = f"s3://{people.results_bucket(account)}/"
        return query.query(session, self.mesh.endpoint, sql, database=database, results=results)

    def refuse(self, who: str, account_name: str, sql: str = SQL, database: str = DATABASE) -> str:
        """A query by somebody without a grant must fail; returns Athena's error."""
        account = {MARKETING.name: MARKETING, FINANCE.name: FINANCE}[account_name]
        try:
            self.query(account, who, sql, database)
        except query.QueryRefusedError as error:
            self.refused.append({"who": f"{who} in {account.name}", "sql": sql, "error": str(error)})
            return str(error)
        raise AssertionError(f"{who} in {account.name} read the data without a grant: {sql}")

    def run(self) -> None:
        """Play the whole story."""
        people.create_readers(FINANCE, self.mesh.endpoint)
        for account in (CENTRAL, MARKETING):
            people.create_administrator(account, self.mesh.endpoint)
        approvals = ApprovalStory(self)
        steps: list[tuple[str, Callable[[], str]]] = [
            ("Sales registers the data product departures; it is linked and crawled", self.register_product),
            ("Before any grant: the analyst of marketing is refused", lambda: self.refuse(people.ANALYST, "marketing")),
            ("Marketing asks for access; it is granted and provisioned", self.request_access),
            ("The analyst of marketing queries it by name", self.query_as_analyst),
            (
                "Sales registers operations, shared by LF-tag; one column carries another tag",
                self.register_tagged_product,
            ),
            ("Marketing asks for what carries these tags; no person has to decide", self.request_by_tag),
            ("The analyst queries it by tag; SELECT * leaves the hidden column out", self.query_by_tag),
            ("The hidden column, asked for by name, is refused", self.refuse_hidden_column),
            ("A new table that carries the tag is readable at once, without any new grant", self.add_tagged_table),
            ("Its tag is taken away, and with it the access", self.take_tag_away),
            ("The intern beside the analyst is refused, by name", lambda: self.refuse(people.INTERN, "marketing")),
            (
                "The intern is refused by tag, too",
                lambda: self.refuse(people.INTERN, "marketing", SQL_BY_TAG, TAG_DATABASE),
            ),
            ("An analyst of another account is refused, by name", lambda: self.refuse(people.ANALYST, "finance")),
            (
                "The analyst of the other account is refused by tag, too",
                lambda: self.refuse(people.ANALYST, "finance", SQL_BY_TAG, TAG_DATABASE),
            ),
            ("Sales registers fleet, which holds personal data", approvals.register),
            ("Marketing asks for some columns of Boeing's planes; the request waits", approvals.ask),
            ("The owner's mail has arrived; its link only shows", approvals.read_mail),
            ("The owner approves; the analyst alone is granted just that", approvals.approve),
            ("The analyst queries the approved columns and rows", approvals.query),
            ("The personal column is refused", approvals.refuse_hidden_column),
            ("The link is used up", approvals.use_link_again),
            ("The intern asks for all of it, and is denied", approvals.deny),
            ("The intern gets the airports for a day, without asking anybody", approvals.grant_for_a_day),
            ("A day later the access has expired", approvals.expire),
            ("Sales revokes what it had approved", approvals.revoke),
            ("Nothing is left of it, in either account", approvals.nothing_is_left),
        ]
        self.approvals = approvals
        for name, action in steps:
            with self.progress.step(name) as step:
                step.detail = action()

    def show(self) -> None:
        """Print the query, its rows, and what the others were told."""
        progress = self.progress
        approved = self.approvals.result if self.approvals else {}
        shown = (("By name:", self.result), ("By LF-tag:", self.by_tag), ("As the owner approved:", approved))
        for title, result in shown:
            if not result:
                continue
            progress.say(f"\n{title}\n{result['sql']}")
            table = Table(*result["columns"])
            for row in result["rows"]:
                table.add_row(*row)
            progress.console.print(table)
        for refusal in self.refused:
            progress.say(f"refused, {refusal['who']}: {refusal['error']}")


def write_result(progress: Progress, demo: Demo | None, *, ok: bool) -> None:
    """Write build/demo.json."""
    BUILD.mkdir(exist_ok=True)
    content = {
        "steps": progress.steps_as_json(),
        "events": progress.events,
        "query": demo.result if demo else {"sql": SQL, "columns": [], "rows": []},
        "query_by_tag": demo.by_tag if demo else {"sql": SQL_BY_TAG, "columns": [], "rows": []},
        "query_approved": demo.approvals.result if demo and demo.approvals else {},
        "approval_mail": demo.approvals.page if demo and demo.approvals else {},
        "refused": demo.refused if demo else [],
        "data": data.LICENCE,
        "ok": ok,
    }
    (BUILD / "demo.json").write_text(json.dumps(content, indent=2) + "\n")


def main() -> int:
    """Run the demo on a sandbox of its own and return the exit status: 0 when every step did what it should."""
    progress = Progress()
    started = time.monotonic()
    demo: Demo | None = None
    ok = False
    directory = BUILD / "demo"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    log = directory / "sandbox.log"
    try:
        with progress.step("Start the sandbox: three AWS accounts on this machine") as step:
            sandbox = Sandbox.start(port=int(os.environ.get("SANDBOX_PORT", "0")), log=log)
            step.detail = sandbox.url
        with sandbox:
            mesh = Mesh(sandbox.url, directory / "terraform")
            demo = Demo(mesh, bring_up(mesh, progress), progress)
            demo.run()
        ok = True
    except Exception as error:  # noqa: BLE001 - whatever it was, the demo must say it and leave its record
        progress.say(f"\nThe demo failed: {error}\nThe sandbox's log: {log.relative_to(BUILD.parent)}")
    finally:
        write_result(progress, demo, ok=ok)
    if demo and ok:
        demo.show()
        progress.say(f"\nDone in {time.monotonic() - started:.0f} s; all of it is in build/demo.json.")
        progress.say(f"Next: `make up` leaves the same mesh running at http://127.0.0.1:{PORT} (see README.md).")
    return 0 if ok else 1
