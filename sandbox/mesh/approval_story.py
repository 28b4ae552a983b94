"""The demo's second half: what is sensitive waits for a person, and whatever was granted ends again."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from sandbox.client import Sandbox
from sandbox.mesh import data, people
from sandbox.mesh.approver import Approver, Decision
from sandbox.mesh.commands import put_command
from sandbox.mesh.layout import CENTRAL, MARKETING, PREFIX, SALES, Account

if TYPE_CHECKING:
    from sandbox.mesh.demo import Demo

DATABASE = f"{PREFIX}_{SALES.domain}"
SQL = f"""\
SELECT model, count(*) AS planes, max(seats) AS seats
FROM {DATABASE}.registrations
GROUP BY model
ORDER BY planes DESC
LIMIT 3"""  # noqa: S608 - all names are constants of this module
MAKERS = f"SELECT DISTINCT manufacturer FROM {DATABASE}.registrations"  # noqa: S608
TAIL_NUMBERS = f"SELECT tailnum FROM {DATABASE}.registrations LIMIT 1"  # noqa: S608
AIRPORTS = f"SELECT count(*) AS airports FROM {DATABASE}.airports"  # noqa: S608
OWNER = "owner@sales.example"
DAY = 86_400


class ApprovalStory:
    """Each method is one step; all of them in their order are the story."""

    def __init__(self, demo: Demo) -> None:
        self.demo = demo
        self.mesh, self.listener = demo.mesh, demo.listener
        self.sandbox = Sandbox(self.mesh.endpoint)
        self.owner = Approver(self.sandbox, OWNER)
        self.waiting: str = ""
        self.short: str = ""
        self.link: str = ""
        self.before: dict[str, list[str]] = {}
        self.result: dict[str, Any] = {"sql": SQL, "columns": [], "rows": []}
        self.page: dict[str, Any] = {}

    def register(self) -> str:
        """The pipeline registers a product that holds personal data."""
        columns = self.demo.register(data.personal_product(self.mesh.location(SALES)))
        self.before = self._left()
        return columns

    def ask(self) -> str:
        """Marketing asks for some columns of some rows; nobody grants that without the owner."""
        self.waiting = self._ask(
            people.ANALYST,
            columns={"registrations": ["manufacturer", "model", "seats", "year"]},
            rows={"registrations": "manufacturer = 'BOEING'"},
            justification="How many seats do the planes have that our customers fly with?",
            duration_days=30,
        )
        asked = self._wait("DataProductAccessRequested", self.waiting)
        if asked["status"] != "PENDING":
            raise AssertionError(f"The request is {asked['status']}, nobody was asked")
        return f"{asked['status']}: {', '.join(asked['stages'])}"

    def read_mail(self) -> str:
        """The owner's mail is in the mailbox; its link only shows."""
        mail = self.owner.mail(self.waiting)
        self.link = self.owner.link(mail)
        page = self.owner.open(self.link)
        if page.status != 200:
            raise AssertionError(f"The link answers {page.status}")
        self.page = {"subject": mail["subject"], "heading": page.heading, "link": self.link.partition("?")[0]}
        return f"“{mail['subject']}” → {self.page['link']}?signature=… → “{page.heading}”"

    def approve(self) -> str:
        """The owner sends the form, and the consumer is provisioned."""
        self._decide(self.waiting, "APPROVE", "Without the tail numbers, of Boeing's planes only.")
        ready = self._wait("DataProductAccessProvisioned", self.waiting, receiver="central")
        return f"approved by {OWNER}; {', '.join(ready['tables'])} in {ready['database']}"

    def query(self) -> str:
        """The analyst sees what was approved: no tail numbers, and no other maker."""
        answer = self.demo.query(MARKETING, people.ANALYST, SQL, DATABASE)
        makers = self.demo.query(MARKETING, people.ANALYST, MAKERS, DATABASE).rows
        if makers != [["BOEING"]]:
            raise AssertionError(f"The analyst sees other makers: {makers}")
        self.result |= {"columns": answer.columns, "rows": answer.rows}
        return f"{len(answer.rows)} rows; of all makers only {makers[0][0]}"

    def refuse_hidden_column(self) -> str:
        """The personal column is not there for the analyst."""
        return self.demo.refuse(people.ANALYST, MARKETING.name, TAIL_NUMBERS, DATABASE)

    def use_link_again(self) -> str:
        """The link has been used: whoever finds the mail later decides nothing."""
        page = self.owner.open(self.link)
        signature = self.link.partition("signature=")[2]
        again = self.owner.post(self.link, {"signature": signature, "decision": "DENY", "comment": "Me, too"})
        if again.status < 400:
            raise AssertionError(f"A used link still decides: {again.status}")
        return f"GET {page.status}: nothing more to decide; POST {again.status}"

    def deny(self) -> str:
        """Another request, for the tail numbers themselves, is denied: an outcome, not a failure."""
        request = self._ask(people.INTERN, justification="I would like to know who owns the planes.")
        self._wait("DataProductAccessRequested", request)
        self._decide(request, "DENY", "Nobody needs the owners' names for this.")
        denied = self._wait("DataProductAccessDenied", request)
        return f"{denied['status']} by {denied['decided_by']}: {denied['reason']}"

    def grant_for_a_day(self) -> str:
        """What is not sensitive is granted at once, but for a day only."""
        self.short = self._ask(
            people.INTERN,
            product={"domain": SALES.domain, "name": data.PRODUCT},
            tables=["airports"],
            justification="A look at the airports.",
            duration_days=1,
        )
        self._wait("DataProductAccessProvisioned", self.short, receiver="central")
        rows = self.demo.query(MARKETING, people.INTERN, AIRPORTS, DATABASE).rows
        return f"{rows[0][0]} airports for the intern, until tomorrow"

    def expire(self) -> str:
        """The clock moves a day and an hour: the schedule ends the access."""
        now = self.sandbox.advance(DAY + 3_600)
        self._wait("DataProductAccessExpired", self.short)
        return f"it is {now[:16]}; the intern: {self._refused(people.INTERN, AIRPORTS)}"

    def revoke(self) -> str:
        """The owner takes the approved access back."""
        correlation_id = put_command(
            people.root_session(SALES),
            self.mesh.endpoint,
            SALES,
            "RevokeDataProductAccess",
            {"request_id": self.waiting, "domain": SALES.domain, "reason": "The study is over."},
        )
        self.listener.wait("DataProductAccessRevoked", correlation_id, receiver=MARKETING.name)
        return f"the analyst: {self._refused(people.ANALYST, SQL)}"

    def nothing_is_left(self) -> str:
        """Neither account has anything of these requests any more."""
        left = self._left()
        more = {place: sorted(set(found) - set(self.before[place])) for place, found in left.items()}
        if any(more.values()):
            raise AssertionError(f"Left behind: {more}")
        return ", ".join(f"{place}: nothing of it" for place in left)

    # --- parts --------------------------------------------------------------------------------------------------------

    def _ask(self, who: str, **asked: object) -> str:
        request_id = str(uuid.uuid4())
        request = {
            "request_id": request_id,
            "domain": MARKETING.domain,
            "product": {"domain": SALES.domain, "name": data.PERSONAL_PRODUCT},
            "principals": [MARKETING.role_arn(who)],
        }
        put_command(
            people.root_session(MARKETING), self.mesh.endpoint, MARKETING, "RequestDataProductAccess", request | asked
        )
        return request_id

    def _decide(self, request_id: str, decision: Decision, comment: str) -> None:
        link = self.owner.link(self.owner.mail(request_id))
        page = self.owner.decide(link, decision, comment)
        if page.status != 200:
            raise AssertionError(f"The decision was not taken: {page.status} {page.heading}")

    def _wait(self, detail_type: str, request_id: str, receiver: str = MARKETING.name) -> dict[str, Any]:
        return self.listener.wait_for_request(detail_type, request_id, receiver=receiver).data

    def _refused(self, who: str, sql: str) -> str:
        return self.demo.refuse(who, MARKETING.name, sql, DATABASE)

    def _left(self) -> dict[str, list[str]]:
        """Return what each account has that a request can leave behind: grants, filters, links."""
        return {account.name: self._of(account) for account in (CENTRAL, MARKETING)}

    def _of(self, account: Account) -> list[str]:
        session = self.sandbox.session(role_arn=account.role_arn(people.ADMINISTRATOR))
        lake_formation: Any = session.client("lakeformation", endpoint_url=self.mesh.endpoint)
        glue: Any = session.client("glue", endpoint_url=self.mesh.endpoint)
        pages = lake_formation.get_paginator("list_data_cells_filter").paginate()
        found = [f"filter {each['Name']}" for page in pages for each in page["DataCellsFilters"]]
        token: dict[str, str] = {}
        while True:
            page = lake_formation.list_permissions(**token)
            for row in page["PrincipalResourcePermissions"]:
                who, what = row["Principal"]["DataLakePrincipalIdentifier"], json.dumps(row["Resource"], sort_keys=True)
                found.append(f"{who} {','.join(sorted(row['Permissions']))} {what}")
            if "NextToken" not in page:
                break
            token = {"NextToken": page["NextToken"]}
        for database in glue.get_databases()["DatabaseList"]:
            tables = glue.get_tables(DatabaseName=database["Name"])["TableList"]
            found += [f"table {database['Name']}.{table['Name']}" for table in tables]
        return found
