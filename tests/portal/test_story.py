"""The whole story in a browser: a newcomer's domain and product, a request, a decision from a mail, a query, an end."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from sandbox.mesh import data, people
from sandbox.mesh.approver import Approver
from sandbox.mesh.layout import BUILD, CENTRAL, FINANCE, MARKETING
from sandbox.mesh.query import QueryRefusedError
from tests.portal.conftest import Look, Portal
from tests.portal.people import Person, create, sign_in
from tests.sandbox.mesh.story import take_away

NEWCOMER = Person("nina@finance.example", ("finance.owner", "marketing.member"), "Nina Novak", "First-Password-2013!")
CHANGED = "Second-Password-2014!"
OWNER = Person("owner@finance.example", ("finance.owner",), "Fred Finance")
OPERATOR = Person("omar@mesh.example", ("mesh.operator", "mesh.auditor"), "Omar Operator")
FLEET = (BUILD.parent / "examples" / "contracts" / "fleet.odcs.yaml").read_text()
SALES_LAKE = re.compile(r"\$\{SALES_LAKE:-[^}]*\}")


def contract(portal: Portal) -> str:
    """The example's contract, of finance and where its data lies."""
    story = portal.story
    text = SALES_LAKE.sub(story.mesh.location(FINANCE), FLEET)
    return text.replace("domain: sales", "domain: finance")


def load_data(portal: Portal) -> None:
    """Put the planes where finance's product says that they are."""
    lake = portal.story.mesh.lake(FINANCE)
    portal.story.client("s3", FINANCE).put_object(
        Bucket=lake["bucket"],
        Key=f"{lake['prefix']}registrations/registrations.csv",
        Body=data.package_file("planes.csv").read_bytes(),
    )


def done(page: Page) -> None:
    """Wait until the page says that the command has succeeded."""
    expect(page.get_by_test_id("operation")).to_have_attribute("data-outcome", "succeeded")


def request_id_of(page: Page) -> str:
    """The request that the page is about."""
    found = re.search(r"/requests/([0-9a-f-]{36})", page.url)
    assert found is not None, page.url
    return str(uuid.UUID(found.group(1)))


def ask_for_fleet(page: Page, *, days: str = "", why: str = "Which planes are the oldest?") -> str:
    """Ask for finance's fleet in the name of marketing's analyst; returns the request's id, its page is open."""
    page.goto("/domains/finance/products/fleet")
    page.get_by_role("link", name="Request access").first.click()
    page.get_by_placeholder("arn:aws:iam::").fill(MARKETING.role_arn(people.ANALYST))
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_label("Days (optional)").fill(days)
    page.get_by_label("Justification").fill(why)
    answer = page.get_by_test_id("policy-answer")
    expect(answer).to_contain_text("People have to agree")
    expect(answer).to_contain_text(OWNER.email)
    page.get_by_role("button", name="Send request").click()
    done(page)
    page.get_by_role("link", name="Follow it").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Request for")
    return request_id_of(page)


def open_mailed_link(page: Page, portal: Portal, request_id: str, person: Person) -> None:
    """Open the newest link that a person was mailed about a request, and sign in there if the page asks."""
    mail = Approver(portal.story.sandbox, person.email).mail(request_id)
    link = re.search(r"https?://\S+/approval-links/\S+", mail["text"])
    assert link is not None, mail["text"]
    page.goto(portal.story.sandbox.portal_url(link.group(0)))
    email = page.get_by_label("Email address")
    account = page.get_by_role("button", name=f"Account of {person.name}")
    expect(email.or_(account)).to_be_visible()
    if email.is_visible():
        sign_in(page, person)
    expect(page).to_have_url(re.compile(rf"/approvals/{request_id}/0$"))


def test_a_newcomer_shares_and_reads(portal: Portal, new_page: Callable[[], Page], look: Look) -> None:
    """GIVEN an account that no domain is registered for WHEN people use nothing but pages THEN its data is read."""
    story = portal.story
    load_data(portal)
    for person in (OWNER, OPERATOR):
        create(story, person)
    create(story, NEWCOMER, temporary=True)

    # A new user signs in: with the password of the invitation, which has to be changed.
    page = new_page()
    page.goto("/")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    look(page, "sign-in")
    page.get_by_label("Email address").fill(NEWCOMER.email)
    page.get_by_label("Password", exact=True).fill("Wrong-Password-2013!")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("not right")
    page.get_by_label("Password", exact=True).fill(NEWCOMER.password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_label("New password", exact=True)).to_be_visible()
    look(page, "new-password")
    page.get_by_label("New password", exact=True).fill(CHANGED)
    page.get_by_label("New password, once more").fill(CHANGED)
    page.get_by_role("button", name="Set password and sign in").click()
    expect(page.get_by_role("button", name=f"Account of {NEWCOMER.name}")).to_be_visible()
    expect(page.get_by_text("finance is not registered yet")).to_be_visible()
    look(page, "home-new")

    # Registers a domain: what is not a secret's ARN is refused on the page, another account's secret by the mesh.
    page.get_by_role("link", name="Register it").click()
    arn = page.get_by_label("ARN of the config secret")
    arn.fill("datamesh-domain-config")
    page.get_by_role("button", name="Register domain").click()
    expect(arn).to_have_attribute("aria-invalid", "true")
    look(page, "register-domain-invalid")
    arn.fill(story.mesh.outputs["finance"]["config_secret_arn"][:-3] + "abc")
    page.get_by_role("button", name="Register domain").click()
    expect(page.get_by_test_id("operation")).to_have_attribute("data-outcome", "rejected")
    look(page, "register-domain-rejected")
    arn.fill(story.mesh.outputs["finance"]["config_secret_arn"])
    page.get_by_role("button", name="Register domain").click()
    done(page)
    page.goto("/domains")
    expect(page.get_by_role("link", name="finance")).to_be_visible()
    look(page, "domains")
    page.get_by_role("link", name="finance").click()
    expect(page.get_by_text("Registered", exact=True).first).to_be_visible()

    # Registers a product: a mistake is shown at its line before anything is sent.
    page.get_by_role("link", name="Register product").first.click()
    manifest = page.get_by_role("textbox", name="Manifest")
    manifest.fill(contract(portal).replace("logicalType: string", "logicalType: strong", 1))
    plan = page.get_by_role("region", name="What registering would do")
    expect(plan).to_contain_text("logicalType")
    look(page, "register-product-invalid")
    manifest.fill(contract(portal))
    expect(plan).not_to_contain_text("logicalType")
    page.get_by_role("button", name="Register product").click()
    done(page)
    look(page, "register-product-done")
    page.goto("/domains/finance")
    expect(page.get_by_text("Crawled", exact=True)).to_be_visible()
    look(page, "domain")

    # Finds it: by a word of a column's name, too.
    page.goto("/search")
    page.get_by_label("Products, tables, columns, descriptions").fill("tailnum")
    page.get_by_role("button", name="Search").click()
    found = page.get_by_role("link", name="finance.fleet", exact=True)
    expect(found).to_be_visible()
    look(page, "search")
    found.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("finance.fleet")
    expect(page.get_by_text("PII").first).to_be_visible()
    look(page, "product")

    # Asks for it; the policy says before that somebody has to agree.
    request_id = ask_for_fleet(page)
    expect(page.get_by_text("It waits for approval").first).to_be_visible()
    look(page, "request-waiting")

    # Another user decides, from the link in the mail.
    other = new_page()
    open_mailed_link(other, portal, request_id, OWNER)
    assert "signature" not in other.url
    expect(other.get_by_text("tailnum").first).to_be_visible()
    look(other, "approval")
    other.get_by_label("Comment").fill("For the age of the fleet only.")
    other.get_by_role("button", name="Approve").click()
    expect(other.get_by_text("It is over").first).to_be_visible()
    look(other, "approval-over")

    # The first sees it ready, without a reload, and runs what the page shows.
    expect(page.get_by_text("Ready to query").first).to_be_visible()
    look(page, "request-ready")
    page.goto("/domains/finance/products/fleet?tab=query")
    sql = page.get_by_role("region", name="SQL for registrations").inner_text()
    look(page, "product-query")
    assert len(story.query(sql).rows) > 0
    page.goto("/access")
    expect(page.get_by_text("finance.fleet").first).to_be_visible()
    look(page, "access")
    page.goto("/requests")
    expect(page.get_by_role("link", name="finance.fleet", exact=True).first).to_be_visible()
    look(page, "requests")

    # Who oversees the mesh follows what happened.
    overseer = new_page()
    overseer.goto("/executions")
    sign_in(overseer, OPERATOR)
    execution = overseer.get_by_role("link", name="share data product").first
    expect(execution).to_be_visible()
    look(overseer, "executions")
    execution.click()
    expect(overseer.get_by_text("DataProductAccessRequested").first).to_be_visible()
    look(overseer, "execution")
    overseer.goto("/audit")
    expect(overseer.get_by_text("Vote cast").first).to_be_visible()
    look(overseer, "audit")

    # The owner takes it back; the reader sees that, too, and reads nothing any more.
    page.goto(f"/requests/{request_id}")
    expect(page.get_by_text("Ready to query").first).to_be_visible()
    other.goto(f"/requests/{request_id}")
    other.get_by_role("button", name="Revoke access").click()
    dialog = other.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("The analysis is done.")
    dialog.get_by_role("button", name="Revoke access").click()
    expect(page.get_by_text("It was revoked").first).to_be_visible()
    look(page, "request-revoked")
    with pytest.raises(QueryRefusedError):
        story.query(sql)


@pytest.fixture
def fleet(portal: Portal) -> Portal:
    """The portal of a mesh in which finance has its fleet."""
    story = portal.story
    load_data(portal)
    for person in (NEWCOMER, OWNER, OPERATOR):
        create(story, person)
    story.mesh.register_domain(FINANCE, story.listener)
    product = data.personal_product(story.mesh.location(FINANCE))
    correlation_id = story.put(FINANCE, "RegisterDataProduct", {"domain": "finance", "product": product})
    story.listener.wait("DataProductSchemaUpdated", correlation_id, receiver=CENTRAL.name)
    return portal


def test_a_request_is_denied_and_another_expires(fleet: Portal, new_page: Callable[[], Page], look: Look) -> None:
    """Whoever asked sees why it was denied, and that what was granted for a day is over after it."""
    page, other = new_page(), new_page()
    page.goto("/")
    sign_in(page, NEWCOMER)
    request_id = ask_for_fleet(page, why="I am curious.")
    open_mailed_link(other, fleet, request_id, OWNER)
    other.get_by_role("button", name="Deny").click()
    expect(other.get_by_label("Comment")).to_have_attribute("aria-invalid", "true")
    look(other, "approval-comment-missing")
    other.get_by_label("Comment").fill("That is no reason to see who owns a plane.")
    other.get_by_role("button", name="Deny").click()
    expect(page.get_by_text("It was denied").first).to_be_visible()
    expect(page.get_by_text("That is no reason to see who owns a plane.").first).to_be_visible()
    look(page, "request-denied")

    request_id = ask_for_fleet(page, days="1")
    open_mailed_link(other, fleet, request_id, OWNER)
    other.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("Ready to query").first).to_be_visible()
    fleet.story.sandbox.advance(25 * 3600)
    # The token is a day old as well.
    later = new_page()
    later.goto(f"/requests/{request_id}")
    sign_in(later, NEWCOMER)
    expect(later.get_by_text("It has expired").first).to_be_visible()
    look(later, "request-expired")


def test_a_link_is_for_one_person(fleet: Portal, new_page: Callable[[], Page], look: Look) -> None:
    """Somebody else who follows the link of a mail is told whose it is, and decides nothing."""
    page, other = new_page(), new_page()
    page.goto("/")
    sign_in(page, NEWCOMER)
    request_id = ask_for_fleet(page)
    mail = Approver(fleet.story.sandbox, OWNER.email).mail(request_id)
    link = re.search(r"https?://\S+/approval-links/\S+", mail["text"])
    assert link is not None
    other.goto(fleet.story.sandbox.portal_url(link.group(0)))
    sign_in(other, OPERATOR)
    expect(other.get_by_text("This link was sent to somebody else").first).to_be_visible()
    assert "signature" not in other.url
    look(other, "approval-link-of-another")
    assert fleet.story.request_record(request_id).status == "PENDING"


def test_a_workflow_fails_and_is_started_again(portal: Portal, new_page: Callable[[], Page], look: Look) -> None:
    """An operator sees where a workflow failed and starts it again, once what was wrong is mended."""
    story = portal.story
    load_data(portal)
    for person in (NEWCOMER, OPERATOR):
        create(story, person)
    story.mesh.register_domain(FINANCE, story.listener)
    iam = story.client("iam", CENTRAL)
    role = "datamesh-central-register-data-product-function"
    (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    before = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    take_away(iam, role, "glue:CreateTable")
    page = new_page()
    page.goto("/domains/finance/products/register")
    sign_in(page, NEWCOMER)
    page.get_by_role("textbox", name="Manifest").fill(contract(portal))
    page.get_by_role("button", name="Register product").click()
    expect(page.get_by_test_id("operation")).to_have_attribute("data-outcome", "failed")
    look(page, "register-product-failed")

    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(before))
    overseer = new_page()
    overseer.goto("/executions")
    sign_in(overseer, OPERATOR)
    overseer.get_by_role("row").filter(has_text="Failed").get_by_role("link").first.click()
    expect(overseer.get_by_text("AccessDenied").first).to_be_visible()
    look(overseer, "execution-failed")
    overseer.get_by_role("button", name="Start again").click()
    overseer.get_by_role("dialog").get_by_role("button", name="Start again").click()
    page.goto("/domains/finance")
    expect(page.get_by_text("Crawled", exact=True)).to_be_visible()
