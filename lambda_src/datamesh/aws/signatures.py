"""KMS: signs and checks texts with an HMAC key that never leaves it."""

import base64
import binascii
from typing import TYPE_CHECKING, Final

from datamesh.aws import clients
from datamesh.aws.retry import HICCUPS, RULES, THROTTLES, Handling, Retrier, Rule

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

ALGORITHM: Final = "HMAC_SHA_256"
# An HMAC-SHA-256 has 32 bytes: nothing else is sent to KMS.
MAC_BYTES = 32
_BUSY = Rule(
    Handling.RETRY,
    THROTTLES | HICCUPS | {"KMSInternalException", "KeyUnavailableException", "DependencyTimeoutException"},
    budget=10,
    cap=2,
)
_RULES = (_BUSY, *RULES)


class Signatures:
    """Gateway to the key of the approval links. KMS compares in constant time, and no function knows the key."""

    def __init__(self, key_id: str, client: "KMSClient | None" = None, retrier: Retrier | None = None) -> None:
        self._key_id = key_id
        self._client = client or clients.kms()
        self._retrier = retrier or Retrier()

    def sign(self, text: str) -> str:
        """Return the signature in base64url, without padding.

        Source: https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateMac.html
        """
        answer = self._retrier.run(
            lambda: self._client.generate_mac(KeyId=self._key_id, MacAlgorithm=ALGORITHM, Message=text.encode()),
            rules=_RULES,
        )
        return base64.urlsafe_b64encode(answer["Mac"]).decode().rstrip("=")

    def verify(self, text: str, signature: str) -> bool:
        """Tell whether this is the signature of the text. What is no signature at all costs no call.

        Source: https://docs.aws.amazon.com/kms/latest/APIReference/API_VerifyMac.html
        """
        mac = _decoded(signature)
        if mac is None:
            return False
        try:
            answer = self._retrier.run(
                lambda: self._client.verify_mac(
                    KeyId=self._key_id, MacAlgorithm=ALGORITHM, Message=text.encode(), Mac=mac
                ),
                rules=_RULES,
            )
        except self._client.exceptions.KMSInvalidMacException:
            return False
        return answer["MacValid"]


def _decoded(signature: str) -> bytes | None:
    """Return the bytes of a signature; None when it is none, or another way to write one."""
    try:
        mac = base64.b64decode(signature + "=" * (-len(signature) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    written = base64.urlsafe_b64encode(mac).decode().rstrip("=")
    return mac if len(mac) == MAC_BYTES and written == signature else None
