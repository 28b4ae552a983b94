"""What central answers, however long the words are that it was sent."""

from datamesh.logic.answers import MAX_FIELD, MAX_MESSAGE, rejected
from datamesh.models.errors import InvalidCommand
from datamesh.models.events import Envelope
from tests.support.central_commands import NOW, register_product


def test_an_answer_is_short() -> None:
    envelope = Envelope.model_validate(register_product())
    answer = rejected(envelope, InvalidCommand("m" * 300_000, "f" * 300_000), NOW)
    assert answer["reason"] == "m" * MAX_MESSAGE
    data = answer["entries"][0]["Detail"]["data"]
    assert (data["message"], data["field"]) == ("m" * MAX_MESSAGE, "f" * MAX_FIELD)
