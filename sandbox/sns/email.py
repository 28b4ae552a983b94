"""Email subscriptions: pending, confirmed, mailed to.

https://docs.aws.amazon.com/sns/latest/dg/sns-email-notifications.html
"""

from __future__ import annotations

import json
import os
import unicodedata
import urllib.parse
import uuid
from collections.abc import Callable
from typing import Any

from sandbox import adapter, clock, mail, settings
from sandbox.api import Json

_MODULE = "services.sns"
adapter.uses(
    _MODULE,
    "_build_envelope",
    "_error",
    "_matches_filter_policy",
    "_p",
    "_refresh_subscription_counts",
    "_resolve_message_for_protocol",
    "_topic_by_arn_any_scope",
    "_xml",
)

_EMAIL = {"email", "email-json"}
# https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html: tokens are valid for two days.
_TOKEN_SECONDS = 2 * 86_400.0
# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
_LONGEST_SUBJECT = 100

Operation = Callable[[dict[str, Any]], Json]


def install() -> None:
    """Subscribe, ConfirmSubscription, Publish and what it sets off."""
    adapter.patch(_MODULE, "_subscribe", _subscribe)
    adapter.patch(_MODULE, "_confirm_subscription", _confirm_subscription)
    adapter.patch(_MODULE, "_publish", _publish)
    adapter.patch(_MODULE, "_fanout", _fanout)


def _sns(name: str) -> Json:
    return adapter.internal(_MODULE, name)


# --- subscriptions ----------------------------------------------------------------------------------------------------


def _subscribe(original: Operation) -> Operation:
    def subscribe(params: dict[str, Any]) -> Json:
        parameter = _sns("_p")
        protocol, endpoint = parameter(params, "Protocol"), parameter(params, "Endpoint")
        if protocol not in _EMAIL:
            return original(params)
        if "@" not in endpoint or any(character.isspace() for character in endpoint):
            return _sns("_error")("InvalidParameter", "Invalid parameter: Email address", 400)
        before = _subscriptions(parameter(params, "TopicArn"))
        known = {held["arn"] for held in before}
        answer = original(params)
        topic = _sns("_topic_by_arn_any_scope")(parameter(params, "TopicArn"))
        found = next(
            (held for held in _held(topic) if (held["protocol"], held["endpoint"]) == (protocol, endpoint)), None
        )
        if answer[0] >= 300 or found is None:
            return answer
        if found["arn"] not in known:
            _await_confirmation(found)
        if found["confirmed"]:
            return answer
        _ask_to_confirm(topic, found)
        shown = found["arn"] if parameter(params, "ReturnSubscriptionArn") == "true" else "pending confirmation"
        result = f"<SubscribeResult><SubscriptionArn>{shown}</SubscriptionArn></SubscribeResult>"
        return _sns("_xml")(200, "SubscribeResponse", result)

    return subscribe


def _held(topic: dict[str, Any] | None) -> list[dict[str, Any]]:
    return topic["subscriptions"] if topic else []


def _subscriptions(topic_arn: str) -> list[dict[str, Any]]:
    return list(_held(_sns("_topic_by_arn_any_scope")(topic_arn)))


def _await_confirmation(subscription: dict[str, Any]) -> None:
    # "pending" until the link is followed, which proves the address, not who followed it.
    subscription["confirmed"] = False
    subscription["attributes"] |= {"PendingConfirmation": "true", "ConfirmationWasAuthenticated": "false"}


def _ask_to_confirm(topic: dict[str, Any], subscription: dict[str, Any]) -> None:
    subscription["token"] = uuid.uuid4().hex * 2
    subscription["sandboxTokenUntil"] = clock.time() + _TOKEN_SECONDS
    arn = str(topic["arn"])
    url = _link(Action="ConfirmSubscription", TopicArn=arn, Token=subscription["token"])
    mail.deliver(
        to=subscription["endpoint"],
        topic=arn,
        subject="AWS Notification - Subscription Confirmation",
        text=f"You have chosen to subscribe to the topic:\n{arn}\n\nTo confirm this subscription, click or visit the "
        f"link below (If this was in error no action is necessary):\n{url}\n",
        subscribe_url=url,
        message_attributes={},
    )
    if settings.get().sns_confirms_email:
        _confirm(subscription)
    _sns("_refresh_subscription_counts")(topic)


def _confirm(subscription: dict[str, Any]) -> None:
    subscription["confirmed"] = True
    subscription["attributes"]["PendingConfirmation"] = "false"


def _confirm_subscription(original: Operation) -> Operation:
    def confirm(params: dict[str, Any]) -> Json:
        parameter = _sns("_p")
        arn, token = parameter(params, "TopicArn"), parameter(params, "Token")
        topic = _sns("_topic_by_arn_any_scope")(arn)
        found = next((held for held in _held(topic) if token and held.get("token") == token), None)
        if topic is None or found is None or found["protocol"] not in _EMAIL:
            return original(params)
        if clock.time() > found["sandboxTokenUntil"]:
            return _sns("_error")("InvalidParameter", "Invalid parameter: Token", 400)
        # The link works again and again: mail programs and people follow it twice.
        _confirm(found)
        _sns("_refresh_subscription_counts")(topic)
        result = (
            f"<ConfirmSubscriptionResult><SubscriptionArn>{found['arn']}</SubscriptionArn></ConfirmSubscriptionResult>"
        )
        return _sns("_xml")(200, "ConfirmSubscriptionResponse", result)

    return confirm


def _link(**query: str) -> str:
    return f"{os.environ['AWS_ENDPOINT_URL']}/?{urllib.parse.urlencode(query)}"


# --- messages ---------------------------------------------------------------------------------------------------------


def _publish(original: Operation) -> Operation:
    def publish(params: dict[str, Any]) -> Json:
        parameter = _sns("_p")
        subject, message = parameter(params, "Subject"), parameter(params, "Message")
        if not message:
            return _sns("_error")("InvalidParameter", "Invalid parameter: Empty message", 400)
        if subject and not _may_be_subject(str(subject)):
            return _sns("_error")("InvalidParameter", "Invalid parameter: Subject", 400)
        return original(params)

    return publish


def _may_be_subject(subject: str) -> bool:
    """UTF-8 without line breaks and control characters, at most 100 characters."""
    printable = not any(unicodedata.category(character) in {"Cc", "Zl", "Zp"} for character in subject)
    return printable and len(subject) <= _LONGEST_SUBJECT


def _fanout(original: Callable[..., None]) -> Callable[..., None]:
    def fan_out(  # noqa: PLR0917  MiniStack's signature
        topic_arn: str,
        msg_id: str,
        message: str,
        subject: str,
        message_structure: str = "",
        message_attributes: dict[str, Any] | None = None,
        **more: Json,
    ) -> None:
        original(topic_arn, msg_id, message, subject, message_structure, message_attributes, **more)
        attributes = message_attributes or {}
        for subscription in _subscriptions(topic_arn):
            if subscription["protocol"] in _EMAIL and subscription["confirmed"]:
                chosen = _sns("_resolve_message_for_protocol")(message, message_structure, subscription["protocol"])
                if _sns("_matches_filter_policy")(subscription, attributes, chosen):
                    _send(subscription, topic_arn, msg_id, chosen, subject, attributes)

    return fan_out


def _send(  # noqa: PLR0917
    subscription: dict[str, Any], topic_arn: str, msg_id: str, message: str, subject: str, attributes: dict[str, Any]
) -> None:
    text = message
    if subscription["protocol"] == "email-json":
        text = _sns("_build_envelope")(topic_arn, msg_id, message, subject, attributes, False)
    mail.deliver(
        to=subscription["endpoint"],
        topic=topic_arn,
        subject=subject or "AWS Notification Message",
        text=text,
        message_id=msg_id,
        message_attributes={
            name: {"Type": value.get("DataType", "String"), "Value": _value(value)}
            for name, value in attributes.items()
        },
        unsubscribe_url=_link(Action="Unsubscribe", SubscriptionArn=subscription["arn"]),
    )


def _value(attribute: dict[str, Any]) -> Json:
    text = attribute.get("StringValue", attribute.get("BinaryValue", ""))
    if attribute.get("DataType") == "String.Array":
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text
