"""Reading and writing ARNs."""

import pytest

from datamesh.models.arns import parse_arn, role_arn_of, s3_arn
from datamesh.models.errors import InvalidArn


def test_an_arn_is_read_and_written() -> None:
    text = "arn:aws:secretsmanager:eu-west-1:222222222222:secret:name:with:colons"
    arn = parse_arn(text)
    assert (arn.service, arn.region, arn.account) == ("secretsmanager", "eu-west-1", "222222222222")
    assert arn.resource == "secret:name:with:colons"
    assert str(arn) == text


@pytest.mark.parametrize("text", ["", "arn", "arn:aws:s3:::", "urn:aws:s3:::bucket", "arn:aws:s3::bucket"])
def test_what_is_no_arn_is_refused(text: str) -> None:
    with pytest.raises(InvalidArn):
        parse_arn(text)


@pytest.mark.parametrize(
    ("caller", "principal"),
    [
        ("arn:aws:sts::1:assumed-role/name/session/with/slashes", "arn:aws:iam::1:role/name"),
        ("arn:aws-cn:sts::1:assumed-role/name/session", "arn:aws-cn:iam::1:role/name"),
        ("arn:aws:iam::1:user/somebody", "arn:aws:iam::1:user/somebody"),
        ("arn:aws:sts::1:federated-user/somebody", "arn:aws:sts::1:federated-user/somebody"),
    ],
)
def test_a_session_is_its_role(caller: str, principal: str) -> None:
    assert role_arn_of(caller) == principal


def test_a_location_has_no_trailing_slash() -> None:
    assert s3_arn("aws", "bucket", "products/") == "arn:aws:s3:::bucket/products"
    assert s3_arn("aws", "bucket") == "arn:aws:s3:::bucket"
