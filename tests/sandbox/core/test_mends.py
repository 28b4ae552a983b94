"""What a second `terraform plan` compares is kept."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from collections.abc import Callable
from xml.etree import ElementTree

from sandbox.client import Sandbox
from tests.sandbox.core.conftest import CENTRAL, REGION, refusal

Role = Callable[..., str]
DEFINITION = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}})


def query(sandbox: Sandbox, **form: str) -> ElementTree.Element:
    """A CloudWatch call in the Query protocol, as the Terraform provider makes it."""
    scope = f"{CENTRAL}/20260101/{REGION}/monitoring/aws4_request"
    request = urllib.request.Request(  # noqa: S310  the sandbox's own URL
        sandbox.url,
        data=urllib.parse.urlencode({"Version": "2010-08-01", **form}).encode(),
        headers={
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
            "Content-Type": "application/x-www-form-urlencoded",
        },
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return ElementTree.fromstring(answer.read())  # noqa: S314  what the sandbox wrote


def test_an_alarm_is_shown_whole(clean_sandbox: Sandbox) -> None:
    query(
        clean_sandbox,
        Action="PutMetricAlarm",
        AlarmName="dead-letters",
        AlarmDescription="Something <lost>",
        ActionsEnabled="true",
        MetricName="ApproximateNumberOfMessagesVisible",
        Namespace="AWS/SQS",
        Statistic="Maximum",
        Period="300",
        EvaluationPeriods="1",
        Threshold="0",
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
        **{"Dimensions.member.1.Name": "QueueName", "Dimensions.member.1.Value": "dlq"},
    )
    answer = query(clean_sandbox, Action="DescribeAlarms", **{"AlarmNames.member.1": "dead-letters"})
    alarm = next(answer.iter("{http://monitoring.amazonaws.com/doc/2010-08-01/}MetricAlarms"))[0]
    shown = {element.tag.partition("}")[2]: element.text for element in alarm}
    assert shown["AlarmDescription"] == "Something <lost>"
    assert (shown["Statistic"], shown["Period"], shown["TreatMissingData"]) == ("Maximum", "300", "notBreaching")
    assert shown["ActionsEnabled"] == "true"
    assert [element.text for element in alarm.iter() if element.tag.endswith("}Value")] == ["dlq"]


def test_a_state_machine_keeps_its_tracing_and_logging(clean_sandbox: Sandbox, make_role: Role) -> None:
    client = clean_sandbox.client("stepfunctions", CENTRAL)
    role = make_role("machine", {"Action": "logs:*", "Resource": "*"}, service="states.amazonaws.com")
    group = f"arn:aws:logs:{REGION}:{CENTRAL}:log-group:/aws/vendedlogs/states/m:*"
    logging = {
        "level": "ERROR",
        "includeExecutionData": False,
        "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}],
    }
    arn = client.create_state_machine(
        name="m",
        definition=DEFINITION,
        roleArn=role,
        tracingConfiguration={"enabled": True},
        loggingConfiguration=logging,
    )["stateMachineArn"]
    client.update_state_machine(stateMachineArn=arn, definition=DEFINITION)
    described = client.describe_state_machine(stateMachineArn=arn)
    assert described["tracingConfiguration"] == {"enabled": True}
    assert described["loggingConfiguration"] == logging


def test_a_machine_that_logs_needs_a_role_that_may(clean_sandbox: Sandbox, make_role: Role) -> None:
    role = make_role("machine", service="states.amazonaws.com")
    group = f"arn:aws:logs:{REGION}:{CENTRAL}:log-group:/aws/vendedlogs/states/m:*"
    logging = {"level": "ERROR", "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}]}
    client = clean_sandbox.client("stepfunctions", CENTRAL)
    assert refusal(
        lambda: client.create_state_machine(name="m", definition=DEFINITION, roleArn=role, loggingConfiguration=logging)
    ) == ("AccessDeniedException", "The state machine IAM Role is not authorized to access the Log Destination")


def test_a_bus_policy_keeps_sid_and_condition(clean_sandbox: Sandbox) -> None:
    client = clean_sandbox.client("events", CENTRAL)
    arn = client.create_event_bus(Name="mesh")["EventBusArn"]
    statement = {
        "Sid": "DomainsOfTheOrganization",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "events:PutEvents",
        "Resource": arn,
        "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-datamesh01"}},
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    client.put_permission(EventBusName="mesh", Policy=json.dumps(policy))
    assert json.loads(client.describe_event_bus(Name="mesh")["Policy"]) == policy
