"""People of the tests: made in the user pool as an administrator does it, and how they sign in on the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Page, expect

from sandbox.mesh.layout import CENTRAL
from tests.sandbox.mesh.story import Story

PASSWORD = "Nobody-guesses-this-2013!"


@dataclass(frozen=True)
class Person:
    """Somebody who signs in to the portal."""

    email: str
    groups: tuple[str, ...]
    name: str
    password: str = PASSWORD


def create(story: Story, person: Person, *, temporary: bool = False) -> Person:
    """Put a person into the portal's user pool; with a temporary password it has to be changed at the first sign-in."""
    pool = story.mesh.outputs["central"]["portal_user_pool_id"]
    idp: Any = story.client("cognito-idp", CENTRAL)
    idp.admin_create_user(
        UserPoolId=pool,
        Username=person.email,
        TemporaryPassword=person.password,
        MessageAction="SUPPRESS",
        UserAttributes=[
            {"Name": "email", "Value": person.email},
            {"Name": "email_verified", "Value": "true"},
            {"Name": "name", "Value": person.name},
        ],
    )
    if not temporary:
        idp.admin_set_user_password(UserPoolId=pool, Username=person.email, Password=person.password, Permanent=True)
    for group in person.groups:
        idp.admin_add_user_to_group(UserPoolId=pool, Username=person.email, GroupName=group)
    return person


def sign_in(page: Page, person: Person) -> None:
    """Fill in the sign-in that the page shows, and wait until the person is known."""
    page.get_by_label("Email address").fill(person.email)
    page.get_by_label("Password", exact=True).fill(person.password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("button", name=f"Account of {person.name}")).to_be_visible()
