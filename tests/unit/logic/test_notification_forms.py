"""Mails as SNS takes them, whatever the names in them are."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamesh.logic.notification_forms import MAX_SUBJECT, MAX_TEXT, mail_subject, mail_text, plain
from datamesh.logic.notification_stories import SHOWN, Story, person_of, shortened

# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
PRINTABLE = set(string.ascii_letters + string.digits + string.punctuation + " ")


@given(st.text())
def test_any_text_becomes_a_subject_that_sns_takes(text: str) -> None:
    subject = mail_subject(text)
    assert 1 <= len(subject) < 100
    assert set(subject) <= PRINTABLE
    assert subject[0] != " "
    assert mail_subject(subject) == subject


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("Approval needed: a asks for b.c", "Approval needed: a asks for b.c"),
        ("  two\r\nlines\tand\u2028more ", "two lines and more"),
        ("Größe\u202e", "Gr??e"),
        ("\n", "Data mesh"),
        ("", "Data mesh"),
        ("x" * 99, "x" * 99),
        ("x" * 100, "x" * 96 + "..."),
    ],
)
def test_subjects(text: str, subject: str) -> None:
    assert mail_subject(text) == subject


def test_the_longest_names_make_no_subject_fail() -> None:
    # Two domains of 30, a product of 63: the 122 characters over which the tools of this field stumbled (B7).
    assert len(mail_subject(f"Approval needed: {'d' * 30} asks for {'e' * 30}.{'p' * 63}")) == MAX_SUBJECT


@given(st.text(min_size=1))
def test_whatever_somebody_writes_stays_a_quotation(words: str) -> None:
    story = Story("s", "o", (("Domain", "marketing"), ("Rows", words)), "about", quote=("Why", words))
    text = mail_text(story, None)
    assert len(text) <= MAX_TEXT
    body = text.split("Why:\n", 1)[1]
    assert all(line.startswith("> ") for line in body.rstrip("\n").split("\n"))
    assert "Rows:" in text.split("\n")[3]


@given(st.text())
def test_nothing_steers_the_reader(text: str) -> None:
    cleaned = plain(text)
    assert not set(cleaned) & {"\x00", "\x1b", "\r", "\u202e", "\u2066", "\u2028"}


def test_of_many_names_the_first_are_shown_and_counted() -> None:
    names = [f"t{number}" for number in range(SHOWN + 5)]
    assert shortened(names).endswith(f"t{SHOWN - 1}, and 5 more")
    assert shortened(names[:SHOWN]).endswith(f"t{SHOWN - 1}")


@pytest.mark.parametrize(
    ("actor", "text"),
    [
        ("person:ann@sales.example", "ann@sales.example"),
        ("person:ann@sales.example, person:ben@sales.example", "ann@sales.example, ben@sales.example"),
        ("account:333333333333", "account 333333333333"),
        ("policy:sensitive", "the approval policy, rule sensitive"),
        ("datamesh:revoke_access", "the mesh"),
    ],
)
def test_actors_are_said_to_people(actor: str, text: str) -> None:
    assert person_of(actor) == text
