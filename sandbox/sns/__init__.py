"""SNS to people: email subscriptions that wait for their confirmation, and mails that arrive in the sandbox's mailbox.

Topics, subscriptions, filter policies and deliveries to queues, functions and HTTP endpoints are MiniStack's; who may
publish where is sandbox/gate.py's. What is mailed, and what a subject may be, is decided here.

Knowingly different from AWS:

* Links lead to this port. A mail's `text` is the message alone; AWS adds a footer with the link to unsubscribe.
* With the setting `sns_confirms_email` (on unless changed) the subscription is confirmed as soon as the mail with its
  SubscribeURL lies in the box: nobody has to click during `terraform apply`.
* Subscriptions that nobody confirms stay; AWS removes them after two days. Their token expires as on AWS.
* Mails do not bounce, are not delayed and not limited to 10 a second.
"""

from __future__ import annotations

from sandbox.sns import email


def install() -> None:
    """Fit email into MiniStack's SNS."""
    email.install()
