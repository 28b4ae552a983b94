"""The customer managed key behind a call: whoever reads or writes what it encrypts needs the key too.

Sources: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html,
https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html,
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html,
https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html. AWS's own keys (`aws/s3`) ask nothing of callers.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sandbox import adapter
from sandbox.api import AwsError
from sandbox.owners import Request

adapter.uses("services.secretsmanager", "_resolve")

_S3_WRITES = {"s3:PutObject", "s3:RestoreObject"}
_S3_READS = {"s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectAttributes"}
_SECRET_READS = {"secretsmanager:GetSecretValue", "secretsmanager:BatchGetSecretValue"}
_WRITING = ["kms:GenerateDataKey", "kms:Decrypt"]
_SECRET_WRITES = {"secretsmanager:PutSecretValue", "secretsmanager:UpdateSecret"}


@dataclass(frozen=True)
class Need:
    """One action on one key, with the words of the service in front when its refusal has its own."""

    action: str
    key_arn: str
    context: dict[str, str] = field(default_factory=dict)
    via: str = ""
    refusal: AwsError | None = None


@dataclass(frozen=True)
class Place:
    """Who calls, whose resource it is, and where."""

    caller: str
    owner: str
    region: str


def needed(request: Request, action: str, resource: str, place: Place) -> list[Need]:
    """What the caller must be allowed on keys for this action."""
    if action in _S3_WRITES or action in _S3_READS:
        return _of_object(request, action, resource, place)
    if action in _SECRET_READS or action in _SECRET_WRITES:
        return _of_secret(action, resource, place)
    if action in ("sqs:SendMessage", "sqs:ReceiveMessage"):
        attribute = adapter.queue_attributes(resource).get("KmsMasterKeyId")
        actions = ["kms:Decrypt"] if action.endswith("ReceiveMessage") else _WRITING
        return _all(actions, attribute, "sqs", place, {"aws:sqs:arn": resource})
    if action == "sns:Publish":
        attribute = adapter.topic_attributes(resource).get("KmsMasterKeyId")
        return _all(_WRITING, attribute, "sns", place, {"aws:sns:topicArn": resource})
    return []


def _all(
    actions: list[str], key: str | None, service: str, place: Place, encryption_context: dict[str, str]
) -> list[Need]:
    """A key that is stored without its ARN is looked for in the caller's account, where a foreign one is not found."""
    if not key or key.removeprefix("arn:").endswith(f"alias/aws/{service}"):
        return []
    where = place.owner if key.startswith("arn:") else place.caller
    arn = adapter.key_arn(key, where, place.region)
    if arn is None:
        if place.caller == place.owner:
            return []
        arn = f"arn:aws:kms:{place.region}:{where}:{key if key.startswith('alias/') else f'key/{key}'}"
    context = via_service(service, place.region, encryption_context)
    return [Need(action, arn, context, via=f"{service}.{place.region}.amazonaws.com") for action in actions]


def via_service(service: str, region: str, encryption_context: dict[str, str]) -> dict[str, str]:
    """The condition keys of a KMS call that a service makes for the caller."""
    context = {"kms:ViaService": f"{service}.{region}.amazonaws.com", "aws:ViaAWSService": "true"}
    context |= {f"kms:EncryptionContext:{key}": value for key, value in encryption_context.items()}
    return context


def _of_object(request: Request, action: str, resource: str, place: Place) -> list[Need]:
    bucket, key = request.bucket()
    if not key:
        return []
    if action in _S3_READS:
        named = adapter.object_key_as_stored(bucket, key)
    else:
        sent = request.headers.get("x-amz-server-side-encryption", "")
        named = request.headers.get("x-amz-server-side-encryption-aws-kms-key-id")
        if not named and sent in ("", "aws:kms"):
            named = adapter.bucket_key_as_stored(bucket)
    actions = ["kms:Decrypt"] if action in _S3_READS else ["kms:GenerateDataKey"]
    return _all(actions, named, "s3", place, {"aws:s3:arn": resource})


def _of_secret(action: str, resource: str, place: Place) -> list[Need]:
    with adapter.scope(place.owner, place.region):
        _, secret = adapter.internal("services.secretsmanager", "_resolve")(resource)
    if secret is None:
        return []
    key = secret.get("KmsKeyId")
    if place.caller != place.owner and (not key or "alias/aws/" in key):
        raise AwsError(
            "InvalidRequestException",
            "You can't access a secret from a different AWS account if you encrypt the secret with the default KMS "
            "service key.",
        )
    refusal = AwsError("AccessDeniedException", "Access to KMS is not allowed", 400)
    actions = ["kms:Decrypt"] if action in _SECRET_READS else _WRITING
    needs = _all(actions, key, "secretsmanager", place, {"SecretARN": resource})
    return [Need(need.action, need.key_arn, need.context, need.via, refusal) for need in needs]
