"""Why something failed, in words for people: of what Lambda says of an exception its message, without the stack trace.

The whole stays in the function's log. Source:
https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html (errorMessage, errorType, stackTrace)
"""

import json
import re

# Step Functions cuts long causes: what is left need not be JSON any more.
_EXCEPTION = re.compile(r'\{\s*"errorMessage":\s*("(?:[^"\\]|\\.)*").*', re.DOTALL)


def in_words(cause: str) -> str:
    """Return a cause with the message in the place of an exception that it tells of."""
    return _EXCEPTION.sub(lambda found: str(json.loads(found.group(1), strict=False)), cause).strip()
