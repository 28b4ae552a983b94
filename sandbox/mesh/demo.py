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
from sandbox.mesh.bring_up import Mesh, bring_up
from sandbox.mesh.commands import put_command
from sandbox.mesh.layout import BUILD, FINANCE, MARKETING, PORT, PREFIX, SALES
from sandbox.mesh.listener import Listener
from sandbox.mesh.progress import Progress

# The local database that the mesh makes in every account that may see products of sales.
DATABASE = f"{PREFIX}_{SALES.domain}"

SQL = f"""\
SELECT a.name AS destination, count(*) AS flights, round(avg(f.dep_delay), 1) AS mean_delay_in_minutes
FROM {DATABASE}.flights f
JOIN {DATABASE}.airports a ON a.faa = f.dest
WHERE f.month BETWEEN 6 AND 8
GROUP BY a.name
ORDER BY flights DESC
LIMIT 5"""  # noqa: S608 - both names are constants of this module


class Demo:
    """The story after the mesh is up. Each method is one step."""

    def __init__(self, mesh: Mesh, listener: Listener, progress: Progress) -> None:
        self.mesh = mesh
        self.listener = listener
        self.progress = progress
        self.result: dict[str, Any] = {"sql": SQL, "columns": [], "rows": []}
        self.refused: list[dict[str, str]] = []

    def register_product(self) -> str:
        """A producer's pipeline registers the product; the producer's account links and crawls it by itself."""
        pipeline = people.role_session(SALES, people.PIPELINE, self.mesh.endpoint)
        manifest = data.product(self.mesh.location(SALES))
        command = {"domain": SALES.domain, "product": manifest}
        correlation_id = put_command(pipeline, self.mesh.endpoint, SALES, "RegisterDataProduct", command)
        self.listener.wait("DataProductRegistered", correlation_id, receiver=SALES.name)
        updated = self.listener.wait("DataProductSchemaUpdated", correlation_id, receiver="central", seconds=180)
        columns = {table["name"]: table["columns"] for table in updated.data["tables"]}
        return ", ".join(f"{name}: {count} columns" for name, count in columns.items())

    def request_access(self) -> str:
        """The consumer asks for the product in the name of its analyst and waits until it is provisioned."""
        correlation_id = put_command(
            people.root_session(MARKETING),
            self.mesh.endpoint,
            MARKETING,
            "RequestDataProductAccess",
            {
                "request_id": str(uuid.uuid4()),
                "domain": MARKETING.domain,
                "product": {"domain": SALES.domain, "name": data.PRODUCT},
                "tables": ["flights", "airports"],
                "principals": [MARKETING.role_arn(people.ANALYST)],
                "justification": "Where did New Yorkers wait longest to fly to in the summer of 2013?",
            },
        )
        self.listener.wait("DataProductAccessGranted", correlation_id, receiver=MARKETING.name)
        ready = self.listener.wait("DataProductAccessProvisioned", correlation_id, receiver="central")
        return f"{', '.join(ready.data['tables'])} in {ready.data['database']}"

    def query_as_analyst(self) -> str:
        """The analyst's query returns the rows."""
        session = people.role_session(MARKETING, people.ANALYST, self.mesh.endpoint)
        answer = query.query(
            session,
            self.mesh.endpoint,
            SQL,
            database=DATABASE,
            results=f"s3://{people.results_bucket(MARKETING)}/",
        )
        self.result |= {"columns": answer.columns, "rows": answer.rows}
        if not answer.rows:
            raise query.QueryRefusedError("the query returned no rows")
        return f"{len(answer.rows)} rows"

    def refuse(self, who: str, account_name: str) -> str:
        """The same query by somebody without a grant must fail; returns Athena's error."""
        account = {MARKETING.name: MARKETING, FINANCE.name: FINANCE}[account_name]
        session = people.role_session(account, who, self.mesh.endpoint)
        try:
            query.query(
                session,
                self.mesh.endpoint,
                SQL,
                database=DATABASE,
                results=f"s3://{people.results_bucket(account)}/",
            )
        except query.QueryRefusedError as error:
            self.refused.append({"who": f"{who} in {account.name}", "error": str(error)})
            return str(error)
        raise AssertionError(f"{who} in {account.name} read the data without a grant")

    def run(self) -> None:
        """Play the whole story."""
        people.create_readers(FINANCE, self.mesh.endpoint)
        steps: list[tuple[str, Callable[[], str]]] = [
            ("Sales registers the data product departures; it is linked and crawled", self.register_product),
            ("Before any grant: the analyst of marketing is refused", lambda: self.refuse(people.ANALYST, "marketing")),
            ("Marketing asks for access; it is granted and provisioned", self.request_access),
            ("The analyst of marketing queries", self.query_as_analyst),
            ("The intern beside the analyst is refused", lambda: self.refuse(people.INTERN, "marketing")),
            ("An analyst of another account is refused", lambda: self.refuse(people.ANALYST, "finance")),
        ]
        for name, action in steps:
            with self.progress.step(name) as step:
                step.detail = action()

    def show(self) -> None:
        """Print the query, its rows, and what the others were told."""
        progress = self.progress
        progress.say()
        progress.say(SQL)
        table = Table(*self.result["columns"])
        for row in self.result["rows"]:
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
