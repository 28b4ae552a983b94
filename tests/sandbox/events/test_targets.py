"""Every kind of target: what it receives, with whose permission, and that the permission is needed."""

from __future__ import annotations

import base64
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests.sandbox.events.world import CENTRAL, MARKETING, SALES, World, allow, eventually, policy, queue_arn

RULE = f"arn:aws:events:eu-west-1:{CENTRAL}:rule/watch"
PASS = {"StartAt": "Done", "QueryLanguage": "JSONata", "States": {"Done": {"Type": "Succeed"}}}


@pytest.fixture
def watch(world: World) -> World:
    """A rule on central's default bus that still has no target."""
    world.rule(CENTRAL, "default", "watch")
    return world


def outcome(world: World) -> tuple[str, str]:
    """How the one delivery of the rule ended, and the error code if it did not end well."""
    (entry,) = world.deliveries(rule_name="watch")
    return entry["outcome"], (entry["error"] or "").split(":")[0]


class TestStateMachine:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html"""

    @pytest.fixture
    def machine(self, watch: World) -> str:
        role = watch.role(CENTRAL, "machine", trusts="states.amazonaws.com")
        states = watch.client("stepfunctions", CENTRAL)
        arn: str = states.create_state_machine(name="machine", definition=json.dumps(PASS), roleArn=role)[
            "stateMachineArn"
        ]
        return arn

    def test_it_is_started_with_the_event(self, watch: World, machine: str) -> None:
        role = watch.role(CENTRAL, "start", allow("states:StartExecution", machine))
        watch.target(CENTRAL, "default", "watch", machine, RoleArn=role)
        event_id = watch.put(CENTRAL, "default", {"n": 5})
        assert outcome(watch) == ("delivered", "")
        states = watch.client("stepfunctions", CENTRAL)
        (execution,) = states.list_executions(stateMachineArn=machine)["executions"]
        assert execution["name"].startswith(event_id)
        started = json.loads(states.describe_execution(executionArn=execution["executionArn"])["input"])
        assert (started["id"], started["detail-type"], started["detail"]) == (event_id, "Sold", {"n": 5})

    def test_the_role_needs_start_execution(self, watch: World, machine: str) -> None:
        role = watch.role(CENTRAL, "start", allow("states:StartExecution", machine + "-other"))
        watch.target(CENTRAL, "default", "watch", machine, RoleArn=role)
        watch.put(CENTRAL, "default")
        assert outcome(watch) == ("dropped", "NO_PERMISSIONS")
        assert watch.client("stepfunctions", CENTRAL).list_executions(stateMachineArn=machine)["executions"] == []

    def test_the_role_must_trust_eventbridge(self, watch: World, machine: str) -> None:
        role = watch.role(CENTRAL, "start", allow("states:StartExecution", machine), trusts="lambda.amazonaws.com")
        watch.target(CENTRAL, "default", "watch", machine, RoleArn=role)
        watch.put(CENTRAL, "default")
        assert outcome(watch) == ("dropped", "FAILED_TO_ASSUME_ROLE")

    def test_a_version_or_alias_is_started_too(self, watch: World, machine: str) -> None:
        states = watch.client("stepfunctions", CENTRAL)
        version = states.publish_state_machine_version(stateMachineArn=machine)["stateMachineVersionArn"]
        alias = states.create_state_machine_alias(
            name="live", routingConfiguration=[{"stateMachineVersionArn": version, "weight": 100}]
        )["stateMachineAliasArn"]
        role = watch.role(CENTRAL, "start", allow("states:StartExecution", alias))
        watch.target(CENTRAL, "default", "watch", alias, RoleArn=role)
        watch.put(CENTRAL, "default")
        assert outcome(watch) == ("delivered", "")

    def test_a_machine_that_does_not_exist(self, watch: World, machine: str) -> None:
        role = watch.role(CENTRAL, "start", allow("states:StartExecution", "*"))
        watch.target(CENTRAL, "default", "watch", machine + "-gone", RoleArn=role)
        watch.put(CENTRAL, "default")
        assert outcome(watch) == ("dropped", "NO_RESOURCE")

    def test_its_end_is_an_event_on_the_default_bus(self, watch: World, machine: str) -> None:
        ended = watch.rule(
            CENTRAL,
            "default",
            "ended",
            {"source": ["aws.states"], "detail": {"status": ["SUCCEEDED"], "stateMachineArn": [machine]}},
        )
        queue = watch.queue(CENTRAL, "ended", ended)
        watch.target(CENTRAL, "default", "ended", queue)
        started = watch.client("stepfunctions", CENTRAL).start_execution(stateMachineArn=machine, input="{}")
        (event,) = watch.received(queue)
        assert event["account"] == CENTRAL
        assert event["detail-type"] == "Step Functions Execution Status Change"
        assert event["resources"] == [started["executionArn"]]


class TestFunction:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-lambda-permissions"""

    CODE = (
        "import boto3, json, os\n"
        "def handler(event, context):\n"
        "    boto3.client('sqs').send_message(QueueUrl=os.environ['OUT'], MessageBody=json.dumps(event))\n"
    )

    @pytest.fixture
    def function(self, watch: World) -> str:
        watch.queue(CENTRAL, "out")
        url = watch.client("sqs", CENTRAL).get_queue_url(QueueName="out")["QueueUrl"]
        role = watch.role(
            CENTRAL, "function", allow("sqs:SendMessage", queue_arn(CENTRAL, "out")), trusts="lambda.amazonaws.com"
        )
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as package:
            package.writestr("code.py", self.CODE)
        arn: str = watch.client("lambda", CENTRAL).create_function(
            FunctionName="function",
            Runtime="python3.11",
            Handler="code.handler",
            Role=role,
            Code={"ZipFile": archive.getvalue()},
            Environment={"Variables": {"OUT": url}},
            Timeout=30,
        )["FunctionArn"]
        return arn

    def test_it_is_invoked_when_its_policy_names_the_rule(self, watch: World, function: str) -> None:
        self._permit(watch, RULE)
        watch.target(CENTRAL, "default", "watch", function)
        event_id = watch.put(CENTRAL, "default", {"n": 2})
        assert outcome(watch) == ("delivered", "")
        (event,) = watch.received(queue_arn(CENTRAL, "out"))
        assert (event["id"], event["detail"]) == (event_id, {"n": 2})

    @pytest.mark.parametrize("source", [None, RULE + "-other"], ids=["no policy", "another rule"])
    def test_without_such_a_policy_it_is_not(self, watch: World, function: str, source: str | None) -> None:
        if source:
            self._permit(watch, source)
        watch.target(CENTRAL, "default", "watch", function)
        watch.put(CENTRAL, "default")
        assert outcome(watch) == ("dropped", "NO_PERMISSIONS")

    def test_the_policy_of_an_alias_counts_for_the_alias(self, watch: World, function: str) -> None:
        functions = watch.client("lambda", CENTRAL)
        version = functions.publish_version(FunctionName="function")["Version"]
        alias = functions.create_alias(FunctionName="function", Name="live", FunctionVersion=version)["AliasArn"]
        self._permit(watch, RULE, Qualifier="live")
        watch.target(CENTRAL, "default", "watch", function)
        watch.put(CENTRAL, "default")
        assert outcome(watch) == ("dropped", "NO_PERMISSIONS")
        watch.control("DELETE", "events")
        watch.target(CENTRAL, "default", "watch", alias)
        watch.put(CENTRAL, "default")
        assert outcome(watch) == ("delivered", "")
        watch.received(queue_arn(CENTRAL, "out"))

    @staticmethod
    def _permit(world: World, source: str, **more: str) -> None:
        world.client("lambda", CENTRAL).add_permission(
            FunctionName="function",
            StatementId="rule",
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
            SourceArn=source,
            **more,
        )


class TestQueue:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-cross-account.html"""

    def test_the_queues_policy_must_name_eventbridge(self, watch: World) -> None:
        watch.target(CENTRAL, "default", "watch", watch.queue(CENTRAL, "closed"))
        watch.put(CENTRAL, "default")
        assert outcome(watch) == ("dropped", "NO_PERMISSIONS")

    def test_or_the_target_has_a_role(self, watch: World) -> None:
        queue = watch.queue(CENTRAL, "closed")
        role = watch.role(CENTRAL, "send", allow("sqs:SendMessage", queue))
        watch.target(CENTRAL, "default", "watch", queue, RoleArn=role)
        watch.put(CENTRAL, "default")
        assert outcome(watch) == ("delivered", "")

    def test_across_accounts_role_and_policy_must_both_allow(self, watch: World) -> None:
        queue = watch.queue(SALES, "theirs")
        role = watch.role(CENTRAL, "send", allow("sqs:SendMessage", queue))
        watch.target(CENTRAL, "default", "watch", queue, RoleArn=role)
        watch.put(CENTRAL, "default")
        assert outcome(watch) == ("dropped", "NO_PERMISSIONS")
        watch.control("DELETE", "events")
        sqs = watch.client("sqs", SALES)
        sqs.set_queue_attributes(
            QueueUrl=sqs.get_queue_url(QueueName="theirs")["QueueUrl"],
            Attributes={"Policy": policy(allow("sqs:SendMessage", queue, Principal={"AWS": role}))},
        )
        watch.put(CENTRAL, "default")
        assert outcome(watch) == ("delivered", "")

    def test_across_accounts_the_policy_alone_does_not_suffice(self, watch: World) -> None:
        watch.target(CENTRAL, "default", "watch", watch.queue(MARKETING, "theirs", RULE))
        watch.put(CENTRAL, "default")
        assert outcome(watch) == ("dropped", "NO_PERMISSIONS")


def test_a_topic_takes_the_event_when_its_policy_names_the_rule(watch: World) -> None:
    topic = watch.client("sns", CENTRAL).create_topic(Name="topic")["TopicArn"]
    watch.target(CENTRAL, "default", "watch", topic)
    statement = allow(
        "sns:Publish",
        topic,
        Principal={"Service": "events.amazonaws.com"},
        Condition={"ArnEquals": {"aws:SourceArn": RULE}},
    )
    watch.client("sns", CENTRAL).set_topic_attributes(
        TopicArn=topic, AttributeName="Policy", AttributeValue=policy(statement)
    )
    watch.put(CENTRAL, "default")
    assert outcome(watch) == ("delivered", "")
    statement["Condition"]["ArnEquals"]["aws:SourceArn"] = RULE + "-other"
    watch.client("sns", CENTRAL).set_topic_attributes(
        TopicArn=topic, AttributeName="Policy", AttributeValue=policy(statement)
    )
    watch.control("DELETE", "events")
    watch.put(CENTRAL, "default")
    assert outcome(watch) == ("dropped", "NO_PERMISSIONS")


def test_a_log_group_takes_the_event_when_a_resource_policy_lets_it(watch: World) -> None:
    logs = watch.client("logs", CENTRAL)
    logs.create_log_group(logGroupName="/aws/events/all")
    group = f"arn:aws:logs:eu-west-1:{CENTRAL}:log-group:/aws/events/all"
    watch.target(CENTRAL, "default", "watch", group)
    watch.put(CENTRAL, "default")
    assert outcome(watch) == ("dropped", "NO_PERMISSIONS")
    actions = ["logs:CreateLogStream", "logs:PutLogEvents"]
    statement = allow(
        actions, f"{group}:*", Principal={"Service": ["events.amazonaws.com", "delivery.logs.amazonaws.com"]}
    )
    logs.put_resource_policy(policyName="events", policyDocument=policy(statement))
    watch.control("DELETE", "events")
    event_id = watch.put(CENTRAL, "default")
    assert outcome(watch) == ("delivered", "")
    (line,) = logs.filter_log_events(logGroupName="/aws/events/all")["events"]
    assert json.loads(line["message"])["id"] == event_id


class TestApiDestination:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html"""

    @pytest.fixture
    def endpoint(self) -> Iterator[tuple[str, list[tuple[dict[str, str], Any]], list[int]]]:
        """A server's address, what it got, and the statuses it answers with next (then 200)."""
        got: list[tuple[dict[str, str], Any]] = []
        answers: list[int] = []

        class Endpoint(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                got.append((dict(self.headers), json.loads(body)))
                self.send_response(answers.pop(0) if answers else 200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = HTTPServer(("127.0.0.1", 0), Endpoint)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/hook", got, answers
        server.shutdown()
        server.server_close()
        thread.join()

    @staticmethod
    def _target(world: World, url: str, *statements: dict[str, Any]) -> None:
        events = world.client("events", CENTRAL)
        connection = events.create_connection(
            Name="connection",
            AuthorizationType="BASIC",
            AuthParameters={"BasicAuthParameters": {"Username": "u", "Password": "p"}},
        )["ConnectionArn"]
        arn = events.create_api_destination(
            Name="hook", ConnectionArn=connection, InvocationEndpoint=url, HttpMethod="POST"
        )["ApiDestinationArn"]
        filled = statements or (allow("events:InvokeApiDestination", arn),)
        role = world.role(CENTRAL, "call", *filled)
        world.target(CENTRAL, "default", "watch", arn, RoleArn=role, RetryPolicy={"MaximumRetryAttempts": 2})

    def test_it_is_called_with_the_connections_credentials(
        self, watch: World, endpoint: tuple[str, list[tuple[dict[str, str], Any]], list[int]]
    ) -> None:
        url, got, _ = endpoint
        self._target(watch, url)
        event_id = watch.put(CENTRAL, "default")
        assert outcome(watch) == ("delivered", "")
        headers, body = got[0]
        assert headers["Authorization"] == "Basic " + base64.b64encode(b"u:p").decode()
        assert body["id"] == event_id

    def test_an_api_key_goes_into_its_header_also_over_what_stands_for_https(
        self, watch: World, endpoint: tuple[str, list[tuple[dict[str, str], Any]], list[int]]
    ) -> None:
        url, got, _ = endpoint
        key = {"ApiKeyAuthParameters": {"ApiKeyName": "x-hook-key", "ApiKeyValue": "secret"}}
        connection = watch.client("events", CENTRAL).create_connection(
            Name="keyed", AuthorizationType="API_KEY", AuthParameters=key
        )["ConnectionArn"]
        arn = watch.client("events", CENTRAL).create_api_destination(
            Name="keyed",
            ConnectionArn=connection,
            InvocationEndpoint=url.replace("http://", "https://"),
            HttpMethod="POST",
        )["ApiDestinationArn"]
        role = watch.role(CENTRAL, "call", allow("events:InvokeApiDestination", arn))
        watch.target(CENTRAL, "default", "watch", arn, RoleArn=role)
        watch.put(CENTRAL, "default")
        assert outcome(watch) == ("delivered", "")
        assert {name.lower(): value for name, value in got[0][0].items()}["x-hook-key"] == "secret"

    def test_what_an_endpoint_refuses_ends_in_the_dead_letter_queue(
        self, watch: World, endpoint: tuple[str, list[tuple[dict[str, str], Any]], list[int]]
    ) -> None:
        url, got, answers = endpoint
        answers += [503, 503, 503]
        self._target(watch, url)
        letters = watch.queue(CENTRAL, "letters", RULE)
        target = watch.client("events", CENTRAL).list_targets_by_rule(Rule="watch")["Targets"][0]
        watch.target(
            CENTRAL,
            "default",
            "watch",
            target["Arn"],
            RoleArn=target["RoleArn"],
            RetryPolicy={"MaximumRetryAttempts": 1},
            DeadLetterConfig={"Arn": letters},
        )
        watch.put(CENTRAL, "default")
        (letter,) = eventually(lambda: watch.messages(letters), "the dead letter")
        assert letter["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "ERROR_FROM_TARGET"
        assert len(got) == 2

    def test_a_busy_endpoint_is_called_again(
        self, watch: World, endpoint: tuple[str, list[tuple[dict[str, str], Any]], list[int]]
    ) -> None:
        url, got, answers = endpoint
        answers += [503, 429]
        self._target(watch, url)
        watch.put(CENTRAL, "default")
        assert outcome(watch) == ("delivered", "")
        assert len(got) == 3

    def test_a_refusing_endpoint_is_not(
        self, watch: World, endpoint: tuple[str, list[tuple[dict[str, str], Any]], list[int]]
    ) -> None:
        url, got, answers = endpoint
        answers += [400]
        self._target(watch, url)
        watch.put(CENTRAL, "default")
        assert outcome(watch) == ("dropped", "ERROR_FROM_TARGET")
        assert len(got) == 1

    def test_the_role_needs_the_action(
        self, watch: World, endpoint: tuple[str, list[tuple[dict[str, str], Any]], list[int]]
    ) -> None:
        url, got, _ = endpoint
        self._target(watch, url, allow("events:PutEvents", "*"))
        watch.put(CENTRAL, "default")
        assert outcome(watch) == ("dropped", "NO_PERMISSIONS")
        assert got == []


class TestInput:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html"""

    @pytest.mark.parametrize(
        ("shape", "expected"),
        [
            ({"Input": '{"constant": true}'}, {"constant": True}),
            ({"InputPath": "$.detail"}, {"list": [{"n": 1}], "n": 9}),
            ({"InputPath": "$.detail.list[0].n"}, 1),
            ({"InputPath": "$['detail-type']"}, "Sold"),
            (
                {
                    "InputTransformer": {
                        "InputPathsMap": {"n": "$.detail.n", "none": "$.detail.none"},
                        "InputTemplate": '{"n": <n>, "none": "<none>", "rule": "<aws.events.rule-name>"}',
                    }
                },
                {"n": 9, "none": "", "rule": "watch"},
            ),
        ],
        ids=["constant", "path", "deep path", "quoted path", "transformer"],
    )
    def test_the_target_receives_what_it_asked_for(self, watch: World, shape: dict[str, Any], expected: object) -> None:
        queue = watch.queue(CENTRAL, "shaped", RULE)
        watch.target(CENTRAL, "default", "watch", queue, **shape)
        watch.put(CENTRAL, "default", {"list": [{"n": 1}], "n": 9})
        assert watch.received(queue) == [expected]
