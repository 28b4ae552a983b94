"""The names under which Step Functions reports what went wrong in a task.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html. An exception that a service models
keeps its name behind the service's prefix (`DynamoDB.ConditionalCheckFailedException`); any other is the base exception
of the AWS SDK for Java, 1.x for optimised integrations (`Lambda.AWSLambdaException`,
`DynamoDB.AmazonDynamoDBException`) and 2.x for `aws-sdk:` ones (`S3.S3Exception`). A missing permission is such a case
wherever the service does not model AccessDeniedException: a Lambda task without lambda:InvokeFunction fails with
`Lambda.AWSLambdaException` and the sentence about the missing permission as its cause.
"""

from __future__ import annotations

from sandbox import adapter, wire
from sandbox.api import AwsError

adapter.uses("services.stepfunctions", "_ExecutionError")

# Optimised integrations: prefix and base exception of the SDK for Java 1.x.
OPTIMISED = {
    "lambda": ("Lambda", "AWSLambdaException"),
    "dynamodb": ("DynamoDB", "AmazonDynamoDBException"),
    "sns": ("SNS", "AmazonSNSException"),
    "sqs": ("SQS", "AmazonSQSException"),
    "events": ("EventBridge", "AmazonEventBridgeException"),
    "states": ("StepFunctions", "AWSStepFunctionsException"),
    "glue": ("Glue", "AWSGlueException"),
    "athena": ("Athena", "AmazonAthenaException"),
}
# `aws-sdk:` integrations: the service's name in the SDK for Java 2.x.
SDK = {
    "athena": "Athena",
    "cloudwatch": "CloudWatch",
    "cloudwatchlogs": "CloudWatchLogs",
    "dynamodb": "DynamoDb",
    "eventbridge": "EventBridge",
    "glue": "Glue",
    "iam": "Iam",
    "kms": "Kms",
    "lakeformation": "LakeFormation",
    "lambda": "Lambda",
    "ram": "Ram",
    "s3": "S3",
    "scheduler": "Scheduler",
    "secretsmanager": "SecretsManager",
    "sfn": "Sfn",
    "sns": "Sns",
    "sqs": "Sqs",
    "ssm": "Ssm",
    "sts": "Sts",
}
# Names that the SDK gives to failures before or after the service.
_CLIENT_SIDE = {"SdkClientException"}


def execution_error(name: str, cause: str) -> Exception:
    """The exception with which MiniStack's interpreter reports a failed state."""
    error: Exception = adapter.internal("services.stepfunctions", "_ExecutionError")(name, cause)
    return error


def from_service(service: str, failure: AwsError, *, sdk: str | None = None) -> Exception:
    """The task's error for a service's refusal; `sdk` is the name in an `aws-sdk:` resource."""
    prefix, base = OPTIMISED.get(service, (service.capitalize(), f"{service.capitalize()}Exception"))
    if sdk is not None:
        prefix = SDK.get(sdk, sdk.capitalize())
        base = f"{prefix}Exception"
    code = failure.code.rpartition("#")[2]
    name = base
    if _modelled(service, code) or code in _CLIENT_SIDE or code == base:
        # The SDK for Java ends every exception's name in Exception.
        name = code if code.endswith("Exception") else f"{code}Exception"
    cause = f"{failure.message} (Service: {prefix}, Status Code: {failure.status}, Error Code: {code})"
    return execution_error(f"{prefix}.{name}", cause)


def _modelled(service: str, code: str) -> bool:
    model = wire.model(service)
    shapes = (model.shape_for(name) for name in model.shape_names)
    return any(
        shape.type_name == "structure"
        and shape.metadata.get("exception")
        and code in (shape.name, getattr(shape, "error_code", shape.name))
        for shape in shapes
    )


def matches(names: list[str], error: str) -> bool:
    """Does an `ErrorEquals` list catch this error?

    States.ALL leaves out what ends an execution whatever it catches; States.TaskFailed leaves out timeouts.
    """
    if error in names:
        return True
    if error in ("States.Runtime", "States.DataLimitExceeded"):
        return False
    return "States.ALL" in names or ("States.TaskFailed" in names and error != "States.Timeout")
