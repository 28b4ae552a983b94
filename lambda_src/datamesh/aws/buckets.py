"""S3: who owns a bucket."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from datamesh.aws import clients
from datamesh.aws.retry import Retrier, error_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Buckets:
    """Gateway to the buckets of the domains."""

    def __init__(self, client: "S3Client | None" = None, retrier: Retrier | None = None) -> None:
        self._client = client or clients.s3()
        self._retrier = retrier or Retrier()

    def is_owned_by(self, bucket: str, account_id: str) -> bool:
        """Tell whether a bucket exists, belongs to an account and lets central look at it.

        S3 answers a wrong owner and a missing permission alike (403), and neither may be registered.
        Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
        """
        try:
            self._retrier.run(lambda: self._client.head_bucket(Bucket=bucket, ExpectedBucketOwner=account_id))
        except ClientError as error:
            # HeadBucket has no body: botocore reports the status as code.
            if error_of(error)[0] in {"403", "404", "400", "301", "AccessDenied", "NoSuchBucket", "Forbidden"}:
                return False
            raise
        return True
