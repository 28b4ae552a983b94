"""Cognito user pools, as people sign in to them from a browser or a terminal.

MiniStack keeps pools, clients, groups and users, speaks SRP, and signs tokens with keys of each pool's own. Added here:

* calls without a signature (InitiateAuth, RespondToAuthChallenge, GetUser, ForgotPassword …) find the pool's account by
  the ClientId, the token or the session they carry, with CORS headers as a browser needs them (`owners.py`,
  `browsers.py`)
* what AWS refuses and MiniStack does not: a new password without its session or against the policy, attributes that
  the client may not write, flows that the client does not name, expired temporary passwords and refresh tokens
  (`refusals.py`)
* an ID token has the attributes that the client may read, and says `email_verified` only of who is (`tokens.py`)
* what Cognito mails is in everybody's mailbox (`/_sandbox/mail.html`), with codes that cannot be guessed
* tokens and sessions expire on the sandbox's clock

Knowingly different from AWS:

* The issuer is `https://cognito-idp.<region>.amazonaws.com/<pool>`, which does not lead here: the keys are at
  `/<pool>/.well-known/jwks.json` of the sandbox.
* Nobody is locked out after too many wrong passwords, and threat protection is off.
* Refresh token rotation, devices and the hosted pages' look are MiniStack's own.
* Claims of Cognito's internal use (`cognito:roles`, `cognito:preferred_role`, `event_id`) are missing.
* Mail that SES would send is not sent: it lands in the mailbox, from whichever address.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Callable
from typing import Any

from sandbox import adapter, mail
from sandbox.api import Json
from sandbox.cognito import browsers, refusals, tokens

_MODULE = "services.cognito"


def install() -> None:
    """Fit into MiniStack's Cognito."""
    # Two sandboxes on one machine must not empty each other's directory of signing keys.
    adapter.patch(_MODULE, "_POOL_KEYS_DIR", lambda _: tempfile.mkdtemp(prefix="sandbox-cognito-keys-"))
    adapter.patch("app", "_handle_options_request", browsers.preflight)
    adapter.patch(_MODULE, "_run_idp_handler", refusals.refuse_first)
    adapter.patch(_MODULE, "_fake_token", tokens.as_the_client_may_read)
    adapter.patch(_MODULE, "_send_verification_email", _unguessable)
    adapter.patch(_MODULE, "_deliver_cognito_email", _into_the_mailbox)


def forget_keys() -> None:
    """Remove the signing keys from the disk: they are this process's own."""
    shutil.rmtree(adapter.internal(_MODULE, "_POOL_KEYS_DIR"), ignore_errors=True)


def _into_the_mailbox(_original: Json) -> Json:
    def deliver(pool: Json, to_email: str, subject: str, body: str, *_: Json, **__: Json) -> None:
        if to_email:
            mail.deliver(to=to_email, topic=f"cognito:{pool.get('Id', '')}", subject=subject, text=body)

    return deliver


def _unguessable(original: Callable[..., Json]) -> Callable[..., Json]:
    """Whoever forgot a password gets a code of his own: MiniStack's is always the same."""

    def send(pool: Json, username: str, attributes: dict[str, Any], code: str, attribute_name: str = "email") -> Json:
        user = refusals.user_of(pool, username)
        if attribute_name == "password" and user is not None:
            code = user["_reset_code"] = f"{secrets.randbelow(10**6):06}"
        return original(pool, username, attributes, code, attribute_name=attribute_name)

    return send
