"""People who decide on access, as policies and config secrets name them."""

from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from datamesh.models.base import DomainName, Model

# Kept to what mail systems take without quoting; compared as a whole and in lower case.
EMAIL_PATTERN = r"^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$"
Email = Annotated[str, StringConstraints(pattern=EMAIL_PATTERN, max_length=254), AfterValidator(str.lower)]


class Person(Model):
    """A person. The address is the identity: links are sent to it and bound to it."""

    email: Email
    name: Annotated[str, StringConstraints(max_length=128)] | None = None
    domain: DomainName | None = None
    """The domain that the person belongs to, if any: nobody decides on a request of the own domain."""
