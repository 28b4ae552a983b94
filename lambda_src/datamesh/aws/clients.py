"""boto3 clients: made once per container, with retries that suit the service."""

from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_lakeformation import LakeFormationClient
    from mypy_boto3_ram import RAMClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_sts import STSClient

# Lake Formation, Glue and RAM publish no request rate: the client slows itself down when it is throttled.
# https://docs.aws.amazon.com/boto3/latest/guide/retries.html
CONTROL_PLANE = Config(retries={"mode": "adaptive", "max_attempts": 10}, connect_timeout=5, read_timeout=60)
DATA_PLANE = Config(retries={"mode": "standard", "max_attempts": 5}, connect_timeout=5, read_timeout=30)
# All that the SDK raises of its own, for those above that report it and know no more.
SDK_ERRORS = (BotoCoreError, ClientError)


@cache
def lake_formation() -> "LakeFormationClient":
    """Return the Lake Formation client."""
    return boto3.client("lakeformation", config=CONTROL_PLANE)


@cache
def glue() -> "GlueClient":
    """Return the Glue client."""
    return boto3.client("glue", config=CONTROL_PLANE)


@cache
def ram() -> "RAMClient":
    """Return the Resource Access Manager client."""
    return boto3.client("ram", config=CONTROL_PLANE)


@cache
def events() -> "EventBridgeClient":
    """Return the EventBridge client."""
    return boto3.client("events", config=DATA_PLANE)


@cache
def dynamodb() -> "DynamoDBClient":
    """Return the DynamoDB client."""
    return boto3.client("dynamodb", config=DATA_PLANE)


@cache
def kms() -> "KMSClient":
    """Return the Key Management Service client."""
    return boto3.client("kms", config=DATA_PLANE)


@cache
def secrets_manager() -> "SecretsManagerClient":
    """Return the Secrets Manager client."""
    return boto3.client("secretsmanager", config=DATA_PLANE)


@cache
def s3() -> "S3Client":
    """Return the S3 client."""
    return boto3.client("s3", config=DATA_PLANE)


@cache
def sts() -> "STSClient":
    """Return the Security Token Service client."""
    return boto3.client("sts", config=DATA_PLANE)


@cache
def sqs() -> "SQSClient":
    """Return the Simple Queue Service client."""
    return boto3.client("sqs", config=DATA_PLANE)


@cache
def sns() -> "SNSClient":
    """Return the Simple Notification Service client."""
    return boto3.client("sns", config=DATA_PLANE)


@cache
def scheduler() -> "EventBridgeSchedulerClient":
    """Return the EventBridge Scheduler client."""
    return boto3.client("scheduler", config=DATA_PLANE)


@cache
def step_functions() -> "SFNClient":
    """Return the Step Functions client."""
    return boto3.client("stepfunctions", config=DATA_PLANE)


def region() -> str:
    """Return the region that the function runs in. Not every client knows: STS may say `aws-global`."""
    return events().meta.region_name


def partition() -> str:
    """Return the partition that the function runs in."""
    return events().meta.partition
