"""Causes in words: nobody has to read a stack trace."""

import json

import pytest

from datamesh.logic.portal.causes import in_words

SAID = {
    "errorMessage": 'User "x" is not authorized\nto do it',
    "errorType": "AccessDeniedException",
    "stackTrace": ["  File …"],
}


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (json.dumps(SAID), SAID["errorMessage"]),
        (f"Create Tables: {json.dumps(SAID)}", f"Create Tables: {SAID['errorMessage']}"),
        # As Step Functions cuts it.
        (json.dumps(SAID)[:-12], SAID["errorMessage"]),
        ("It timed out", "It timed out"),
        ('{"errorMessage": "cut in the mid', '{"errorMessage": "cut in the mid'),
        ('{"Error": "States.TaskFailed"}', '{"Error": "States.TaskFailed"}'),
        ("", ""),
    ],
)
def test_of_an_exception_the_message_is_told(cause: str, words: str) -> None:
    assert in_words(cause) == words
