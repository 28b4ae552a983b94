"""The sandbox says no where AWS says no, and in AWS's words."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sandbox.client import Sandbox
from tests.sandbox.core.conftest import CENTRAL, OUTSIDER, REGION, SALES, document, key_policy, refusal

Role = Callable[..., str]
READ = {"Action": ["s3:GetObject", "kms:Decrypt"], "Resource": "*"}


def session_of(role_arn: str) -> str:
    name = role_arn.rsplit("/", 1)[-1]
    return f"arn:aws:sts::{role_arn.split(':')[4]}:assumed-role/{name}/sandbox"


def open_bucket(sandbox: Sandbox, role_arn: str, *actions: str) -> None:
    policy = document(
        {"Principal": {"AWS": role_arn}, "Action": list(actions), "Resource": "arn:aws:s3:::sales-lake/*"}
    )
    sandbox.client("s3", SALES).put_bucket_policy(Bucket="sales-lake", Policy=policy)


def open_key(sandbox: Sandbox, key: str, role_arn: str, **condition: dict[str, str]) -> None:
    statement = {"Principal": {"AWS": role_arn}, "Action": "kms:Decrypt", "Resource": "*"}
    if condition:
        statement["Condition"] = condition
    sandbox.client("kms", SALES).put_key_policy(KeyId=key, PolicyName="default", Policy=key_policy(statement))


def test_an_action_no_policy_allows(clean_sandbox: Sandbox, make_role: Role) -> None:
    role = make_role("reader")
    code, message = refusal(lambda: clean_sandbox.client("dynamodb", role_arn=role).list_tables())
    assert code == "AccessDeniedException"
    assert message == (
        f"User: {session_of(role)} is not authorized to perform: dynamodb:ListTables on resource: * "
        "because no identity-based policy allows the dynamodb:ListTables action"
    )


def test_an_explicit_deny_is_told(clean_sandbox: Sandbox, make_role: Role) -> None:
    role = make_role(
        "reader", {"Action": "sns:*", "Resource": "*"}, {"Effect": "Deny", "Action": "sns:*", "Resource": "*"}
    )
    code, message = refusal(lambda: clean_sandbox.client("sns", role_arn=role).list_topics())
    assert code == "AuthorizationError"
    assert message.endswith("with an explicit deny in an identity-based policy")


def test_another_accounts_object_needs_identity_bucket_and_key_policy(
    clean_sandbox: Sandbox, make_role: Role, lake: dict[str, str]
) -> None:
    role = make_role("reader")
    who = session_of(role)

    def read() -> bytes:
        answer = clean_sandbox.client("s3", role_arn=role).get_object(Bucket=lake["bucket"], Key=lake["object"])
        return bytes(answer["Body"].read())

    # GIVEN nothing: the identity policy is missing
    code, message = refusal(read)
    assert code == "AccessDenied"
    assert message == (
        f'User: {who} is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::sales-lake/orders/1" '
        "because no identity-based policy allows the s3:GetObject action"
    )
    # WHEN the role may, the bucket policy is missing
    clean_sandbox.client("iam", CENTRAL).put_role_policy(
        RoleName="reader", PolicyName="allow", PolicyDocument=document(READ)
    )
    assert refusal(read)[1].endswith("because no resource-based policy allows the s3:GetObject action")
    # WHEN the bucket policy allows it, the key policy is missing
    open_bucket(clean_sandbox, role, "s3:GetObject")
    code, message = refusal(read)
    assert code == "AccessDenied"
    assert message == (
        f"User: {who} is not authorized to perform: kms:Decrypt on resource: {lake['key']} "
        "because no resource-based policy allows the kms:Decrypt action"
    )
    # WHEN the key policy asks for another service, it is not met
    open_key(clean_sandbox, lake["key"], role, StringEquals={"kms:ViaService": f"sqs.{REGION}.amazonaws.com"})
    assert refusal(read)[0] == "AccessDenied"
    # THEN only all three together let the object out
    open_key(clean_sandbox, lake["key"], role, StringEquals={"kms:ViaService": f"s3.{REGION}.amazonaws.com"})
    assert read() == b"one"


def test_a_key_policy_for_s3_does_not_open_the_key_itself(
    clean_sandbox: Sandbox, make_role: Role, lake: dict[str, str]
) -> None:
    role = make_role("reader", READ)
    open_key(clean_sandbox, lake["key"], role, StringEquals={"kms:ViaService": f"s3.{REGION}.amazonaws.com"})
    cipher = clean_sandbox.client("kms", SALES).encrypt(KeyId=lake["key"], Plaintext=b"x")["CiphertextBlob"]
    code, message = refusal(lambda: clean_sandbox.client("kms", role_arn=role).decrypt(CiphertextBlob=cipher))
    assert code == "AccessDeniedException"
    assert "no resource-based policy allows the kms:Decrypt action" in message


def test_root_of_the_account_named_in_a_policy_delegates_to_its_identity_policies(
    clean_sandbox: Sandbox, make_role: Role, lake: dict[str, str]
) -> None:
    allowed, other = make_role("allowed", READ), make_role("other", READ)
    root = {"AWS": f"arn:aws:iam::{CENTRAL}:root"}
    only = {"ArnEquals": {"aws:PrincipalArn": allowed}}
    clean_sandbox.client("s3", SALES).put_bucket_policy(
        Bucket="sales-lake",
        Policy=document(
            {"Principal": root, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::sales-lake/*", "Condition": only}
        ),
    )
    clean_sandbox.client("kms", SALES).put_key_policy(
        KeyId=lake["key"],
        PolicyName="default",
        Policy=key_policy({"Principal": root, "Action": "kms:Decrypt", "Resource": "*", "Condition": only}),
    )
    place = {"Bucket": lake["bucket"], "Key": lake["object"]}
    assert clean_sandbox.client("s3", role_arn=allowed).get_object(**place)["Body"].read() == b"one"
    assert refusal(lambda: clean_sandbox.client("s3", role_arn=other).get_object(**place))[0] == "AccessDenied"


@pytest.mark.parametrize(("account", "lets_in"), [(CENTRAL, True), (OUTSIDER, False)])
def test_the_organization_condition(clean_sandbox: Sandbox, make_role: Role, account: str, lets_in: bool) -> None:
    topic = clean_sandbox.client("sns", SALES).create_topic(Name="news")["TopicArn"]
    clean_sandbox.client("sns", SALES).set_topic_attributes(
        TopicArn=topic,
        AttributeName="Policy",
        AttributeValue=document(
            {
                "Principal": "*",
                "Action": "sns:Publish",
                "Resource": topic,
                "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-datamesh01"}},
            }
        ),
    )
    role = make_role("publisher", {"Action": "sns:Publish", "Resource": topic}, account=account)

    def publish() -> object:
        return clean_sandbox.client("sns", role_arn=role).publish(TopicArn=topic, Message="hello")

    if lets_in:
        publish()
    else:
        code, message = refusal(publish)
        assert code == "AuthorizationError"
        assert message.endswith("because no resource-based policy allows the SNS:Publish action")


def test_s3_explains_nothing_to_outsiders(clean_sandbox: Sandbox, make_role: Role, lake: dict[str, str]) -> None:
    role = make_role("reader", READ, account=OUTSIDER)
    s3 = clean_sandbox.client("s3", role_arn=role)
    assert refusal(lambda: s3.get_object(Bucket=lake["bucket"], Key=lake["object"])) == (
        "AccessDenied",
        "Access Denied",
    )


def test_the_owner_of_a_resource_is_a_condition_key(
    clean_sandbox: Sandbox, make_role: Role, lake: dict[str, str]
) -> None:
    condition = {"StringEquals": {"aws:ResourceAccount": CENTRAL}}
    role = make_role("reader", {**READ, "Condition": condition})
    open_bucket(clean_sandbox, role, "s3:GetObject")
    s3 = clean_sandbox.client("s3", role_arn=role)
    _, message = refusal(lambda: s3.get_object(Bucket=lake["bucket"], Key=lake["object"]))
    assert message.endswith("because no identity-based policy allows the s3:GetObject action")


def test_the_expected_bucket_owner_is_compared(clean_sandbox: Sandbox, lake: dict[str, str]) -> None:
    s3 = clean_sandbox.client("s3", SALES)
    s3.head_bucket(Bucket=lake["bucket"], ExpectedBucketOwner=SALES)
    assert refusal(lambda: s3.head_bucket(Bucket=lake["bucket"], ExpectedBucketOwner=CENTRAL))[0] == "403"


def test_a_bucket_name_is_taken_for_all_accounts(clean_sandbox: Sandbox, lake: dict[str, str]) -> None:
    s3 = clean_sandbox.client("s3", CENTRAL)
    place = {"LocationConstraint": REGION}
    code, _ = refusal(lambda: s3.create_bucket(Bucket=lake["bucket"], CreateBucketConfiguration=place))
    assert code == "BucketAlreadyExists"


def test_who_may_not_list_is_not_told_what_is_missing(
    clean_sandbox: Sandbox, make_role: Role, lake: dict[str, str]
) -> None:
    role = make_role("reader", READ, account=SALES)
    s3 = clean_sandbox.client("s3", role_arn=role)
    code, message = refusal(lambda: s3.get_object(Bucket=lake["bucket"], Key="no/such"))
    assert code == "AccessDenied"
    assert "s3:ListBucket" in message
    assert refusal(lambda: clean_sandbox.client("s3", SALES).get_object(Bucket=lake["bucket"], Key="no/such"))[0] == (
        "NoSuchKey"
    )


def test_another_accounts_secret_needs_its_policy_and_its_key(clean_sandbox: Sandbox, make_role: Role) -> None:
    kms = clean_sandbox.client("kms", SALES)
    key = kms.create_key(Policy=key_policy())["KeyMetadata"]["Arn"]
    secrets = clean_sandbox.client("secretsmanager", SALES)
    arn = secrets.create_secret(Name="config", SecretString="s", KmsKeyId=key)["ARN"]
    role = make_role("reader", {"Action": ["secretsmanager:GetSecretValue", "kms:Decrypt"], "Resource": "*"})

    def read() -> str:
        return str(clean_sandbox.client("secretsmanager", role_arn=role).get_secret_value(SecretId=arn)["SecretString"])

    code, message = refusal(read)
    assert code == "AccessDeniedException"
    assert message.endswith("because no resource-based policy allows the secretsmanager:GetSecretValue action")
    policy = document({"Principal": {"AWS": role}, "Action": "secretsmanager:GetSecretValue", "Resource": "*"})
    secrets.put_resource_policy(SecretId=arn, ResourcePolicy=policy)
    assert refusal(read) == ("AccessDeniedException", "Access to KMS is not allowed")
    via = {"StringEquals": {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com"}}
    statement = {"Principal": {"AWS": role}, "Action": "kms:Decrypt", "Resource": "*", "Condition": via}
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=key_policy(statement))
    assert read() == "s"


def test_a_secret_under_awss_own_key_stays_in_its_account(clean_sandbox: Sandbox, make_role: Role) -> None:
    secrets = clean_sandbox.client("secretsmanager", SALES)
    arn = secrets.create_secret(Name="config", SecretString="s")["ARN"]
    role = make_role("reader", {"Action": "secretsmanager:GetSecretValue", "Resource": "*"})
    policy = document({"Principal": {"AWS": role}, "Action": "secretsmanager:GetSecretValue", "Resource": "*"})
    secrets.put_resource_policy(SecretId=arn, ResourcePolicy=policy)
    _, message = refusal(lambda: clean_sandbox.client("secretsmanager", role_arn=role).get_secret_value(SecretId=arn))
    assert "default KMS service key" in message


def test_another_accounts_queue_needs_its_policy(clean_sandbox: Sandbox, make_role: Role) -> None:
    sqs = clean_sandbox.client("sqs", SALES)
    url = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:{SALES}:inbox"
    role = make_role("sender", {"Action": "sqs:SendMessage", "Resource": arn})

    def send() -> object:
        return clean_sandbox.client("sqs", role_arn=role).send_message(QueueUrl=url, MessageBody="hello")

    assert refusal(send)[1].endswith("because no resource-based policy allows the sqs:sendmessage action")
    allow = {"Principal": {"AWS": role}, "Action": "sqs:SendMessage", "Resource": arn}
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sqs:*",
        "Resource": arn,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document(allow, deny)})
    send()


def test_a_batch_needs_the_permission_of_the_single_call(clean_sandbox: Sandbox, make_role: Role) -> None:
    url = clean_sandbox.client("sqs", CENTRAL).create_queue(QueueName="inbox")["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:{CENTRAL}:inbox"
    allowed = make_role("sender", {"Action": "sqs:SendMessage", "Resource": arn})
    entries = [{"Id": "0", "MessageBody": "hello"}]
    answer = clean_sandbox.client("sqs", role_arn=allowed).send_message_batch(QueueUrl=url, Entries=entries)
    assert len(answer["Successful"]) == 1
    refused = make_role("reader", {"Action": ["sqs:ReceiveMessage", "sqs:SendMessageBatch"], "Resource": arn})
    client = clean_sandbox.client("sqs", role_arn=refused)
    assert refusal(lambda: client.send_message_batch(QueueUrl=url, Entries=entries))[0] == "AccessDenied"


def test_another_accounts_function_needs_its_policy_on_the_alias(clean_sandbox: Sandbox, make_role: Role) -> None:
    arn = f"arn:aws:lambda:{REGION}:{SALES}:function:greet:live"
    role = make_role("caller", {"Action": "lambda:InvokeFunction", "Resource": arn})
    code, message = refusal(lambda: clean_sandbox.client("lambda", role_arn=role).invoke(FunctionName=arn))
    assert code == "AccessDeniedException"
    assert f"on resource: {arn} because no resource-based policy" in message


def test_a_permissions_boundary_narrows(clean_sandbox: Sandbox, make_role: Role) -> None:
    iam = clean_sandbox.client("iam", CENTRAL)
    boundary = iam.create_policy(PolicyName="boundary", PolicyDocument=document({"Action": "sqs:*", "Resource": "*"}))[
        "Policy"
    ]["Arn"]
    role = make_role("reader", {"Action": "sns:ListTopics", "Resource": "*"}, boundary=boundary)
    _, message = refusal(lambda: clean_sandbox.client("sns", role_arn=role).list_topics())
    assert message.endswith("because no permissions boundary allows the SNS:ListTopics action")


def test_a_session_policy_narrows(clean_sandbox: Sandbox) -> None:
    iam = clean_sandbox.client("iam", CENTRAL)
    trust = document({"Principal": {"AWS": f"arn:aws:iam::{CENTRAL}:root"}, "Action": "sts:AssumeRole"})
    role = iam.create_role(RoleName="wide", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(RoleName="wide", PolicyName="allow", PolicyDocument=document({"Action": "*", "Resource": "*"}))
    keys = clean_sandbox.client("sts", CENTRAL).assume_role(
        RoleArn=role, RoleSessionName="narrow", Policy=document({"Action": "sqs:*", "Resource": "*"})
    )["Credentials"]
    session = clean_sandbox.session(CENTRAL)
    sns = session.client(
        "sns",
        endpoint_url=clean_sandbox.url,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    assert refusal(sns.list_topics)[1].endswith("because no session policy allows the SNS:ListTopics action")


def test_a_role_is_assumed_only_by_whom_it_trusts(clean_sandbox: Sandbox, make_role: Role) -> None:
    iam = clean_sandbox.client("iam", SALES)
    caller = make_role("caller", {"Action": "sts:AssumeRole", "Resource": "*"})
    trust = {
        "Principal": {"AWS": caller},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": "secret"}},
    }
    role = iam.create_role(RoleName="visited", AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    sts = clean_sandbox.client("sts", role_arn=caller)
    code, message = refusal(lambda: sts.assume_role(RoleArn=role, RoleSessionName="visit"))
    assert code == "AccessDenied"
    assert f"is not authorized to perform: sts:AssumeRole on resource: {role}" in message
    sts.assume_role(RoleArn=role, RoleSessionName="visit", ExternalId="secret")


def test_a_function_needs_a_role_that_lambda_may_assume_and_the_caller_may_pass(
    clean_sandbox: Sandbox, make_role: Role
) -> None:
    wrong = make_role("for-events", service="events.amazonaws.com")
    right = make_role("for-lambda")
    deployer = make_role("deployer", {"Action": "lambda:CreateFunction", "Resource": "*"})

    def create(role: str, account: str | None = None, role_arn: str | None = None) -> object:
        return clean_sandbox.client("lambda", account, role_arn).create_function(
            FunctionName="greet", Runtime="python3.11", Role=role, Handler="h.handler", Code={"ZipFile": b"x"}
        )

    assert refusal(lambda: create(wrong, account=CENTRAL)) == (
        "InvalidParameterValueException",
        "The role defined for the function cannot be assumed by Lambda.",
    )
    code, message = refusal(lambda: create(right, role_arn=deployer))
    assert code == "AccessDeniedException"
    assert f"is not authorized to perform: iam:PassRole on resource: {right}" in message


def test_a_key_policy_without_the_account_locks_its_users_out(clean_sandbox: Sandbox, make_role: Role) -> None:
    role = make_role("user", {"Action": "kms:*", "Resource": "*"}, account=SALES)
    only = document({"Principal": {"AWS": f"arn:aws:iam::{SALES}:user/nobody"}, "Action": "kms:*", "Resource": "*"})
    key = clean_sandbox.client("kms", SALES).create_key(Policy=only)["KeyMetadata"]["Arn"]
    code, message = refusal(lambda: clean_sandbox.client("kms", role_arn=role).describe_key(KeyId=key))
    assert code == "AccessDeniedException"
    assert message.endswith("because no resource-based policy allows the kms:DescribeKey action")


def test_an_alias_is_authorised_as_its_key(clean_sandbox: Sandbox, make_role: Role) -> None:
    kms = clean_sandbox.client("kms", SALES)
    key = kms.create_key()["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName="alias/lake", TargetKeyId=key)
    by_key = make_role("by-key", {"Action": "kms:Encrypt", "Resource": key}, account=SALES)
    alias = f"arn:aws:kms:{REGION}:{SALES}:alias/lake"
    by_alias = make_role("by-alias", {"Action": "kms:Encrypt", "Resource": alias}, account=SALES)
    clean_sandbox.client("kms", role_arn=by_key).encrypt(KeyId="alias/lake", Plaintext=b"x")
    code, _ = refusal(
        lambda: clean_sandbox.client("kms", role_arn=by_alias).encrypt(KeyId="alias/lake", Plaintext=b"x")
    )
    assert code == "AccessDeniedException"


def test_the_path_of_a_role_belongs_to_its_arn(clean_sandbox: Sandbox, make_role: Role) -> None:
    role = make_role("reader", {"Action": "sns:ListTopics", "Resource": "*"}, path="/mesh/")
    assert ":role/mesh/reader" in role
    clean_sandbox.client("sns", role_arn=role).list_topics()
    assert clean_sandbox.ledger(role=role, action="sns:ListTopics", allowed=True)


def test_the_targets_of_a_rule_are_a_condition_key(clean_sandbox: Sandbox, make_role: Role) -> None:
    clean_sandbox.client("events", CENTRAL).put_rule(Name="r", EventPattern='{"source": ["x"]}')
    allowed = f"arn:aws:sqs:{REGION}:{CENTRAL}:allowed"
    only = {"ArnLike": {"events:TargetArn": allowed}}
    role = make_role("router", {"Action": "events:PutTargets", "Resource": "*", "Condition": only})
    events = clean_sandbox.client("events", role_arn=role)
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": allowed}])
    code, _ = refusal(lambda: events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": f"{allowed}-not"}]))
    assert code == "AccessDeniedException"


def test_an_unknown_key_is_no_identity(clean_sandbox: Sandbox) -> None:
    sqs = clean_sandbox.session(CENTRAL).client(
        "sqs", endpoint_url=clean_sandbox.url, aws_access_key_id="AKIAUNKNOWN000000000", aws_secret_access_key="x"
    )
    assert refusal(sqs.list_queues)[0] in ("InvalidClientTokenId", "UnrecognizedClientException")
