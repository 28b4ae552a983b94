"""A browser opens a distribution: what it gets of a private bucket and of an API, and what it does not."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from sandbox.client import Sandbox
from tests.sandbox.core.conftest import CENTRAL, REGION, SALES, document, refusal
from tests.sandbox.httpapi.conftest import Api

BUCKET = "portal-site"
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
ALL_VIEWER = "216adef6-5c7f-47e4-b989-5492eafa07d3"
ALL_BUT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
SECURITY_HEADERS = "67f7725c-6f97-4210-82d7-5512b31e9d03"
EVERY = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
CSP = "default-src 'none'; script-src 'self'"


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes


@dataclass
class Site:
    """A distribution of the central account."""

    sandbox: Sandbox
    id: str
    arn: str
    domain: str
    etag: str

    def get(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        """As a browser: the distribution's host, on the sandbox's port."""
        host = urlsplit(self.sandbox.portal_url(self.domain)).netloc
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return request(self.sandbox, path, method, body, {"Host": host, **named})


def request(
    sandbox: Sandbox, path: str, method: str = "GET", body: bytes | None = None, headers: dict[str, str] | None = None
) -> Answer:
    connection = http.client.HTTPConnection(urlsplit(sandbox.url).netloc, timeout=30)
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    return Answer(answer.status, answer.headers, answer.read())


def behavior(origin: str, **more: Any) -> dict[str, Any]:
    methods = more.pop("methods", ["GET", "HEAD"])
    return {
        "TargetOriginId": origin,
        "ViewerProtocolPolicy": "redirect-to-https",
        "CachePolicyId": CACHING_OPTIMIZED,
        "Compress": True,
        "AllowedMethods": {
            "Quantity": len(methods),
            "Items": methods,
            "CachedMethods": {"Quantity": 2, "Items": ["GET", "HEAD"]},
        },
        **more,
    }


@pytest.fixture
def make_site(clean_sandbox: Sandbox) -> Callable[..., Site]:
    """`make_site(policy=…, behaviors=…, …)`: a distribution in front of a private bucket, signing as `signing` says."""

    def make(
        *,
        policy: Callable[[str], str] | None = reads,
        signing: str = "always",
        behaviors: tuple[dict[str, Any], ...] = (),
        origins: tuple[dict[str, Any], ...] = (),
        headers_policy: str | None = None,
        **config: Any,
    ) -> Site:
        s3, cloudfront = (clean_sandbox.client(name, CENTRAL) for name in ("s3", "cloudfront"))
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        for key, kind in (("index.html", "text/html"), ("app/main.js", "text/javascript"), ("a b.txt", "text/plain")):
            s3.put_object(Bucket=BUCKET, Key=key, Body=key.encode(), ContentType=kind, CacheControl="no-cache")
        control = cloudfront.create_origin_access_control(
            OriginAccessControlConfig={
                "Name": "portal",
                "SigningProtocol": "sigv4",
                "SigningBehavior": signing,
                "OriginAccessControlOriginType": "s3",
            }
        )["OriginAccessControl"]["Id"]
        bucket = {
            "Id": "site",
            "DomainName": f"{BUCKET}.s3.{REGION}.amazonaws.com",
            "OriginAccessControlId": control,
            "S3OriginConfig": {"OriginAccessIdentity": ""},
        }
        more = {"ResponseHeadersPolicyId": headers_policy} if headers_policy else {}
        made = cloudfront.create_distribution(
            DistributionConfig={
                "CallerReference": "portal",
                "Comment": "portal",
                "Enabled": True,
                "DefaultRootObject": "index.html",
                "Origins": {"Quantity": 1 + len(origins), "Items": [bucket, *origins]},
                "DefaultCacheBehavior": behavior("site", **more),
                "CacheBehaviors": {"Quantity": len(behaviors), "Items": list(behaviors)},
                **config,
            }
        )
        found = made["Distribution"]
        site = Site(clean_sandbox, found["Id"], found["ARN"], found["DomainName"], made["ETag"])
        if policy is not None:
            s3.put_bucket_policy(Bucket=BUCKET, Policy=policy(site.arn))
        return site

    return make


def reads(arn: str, *actions: str) -> str:
    """The bucket policy that AWS's documentation gives."""
    return document(
        {
            "Principal": {"Service": "cloudfront.amazonaws.com"},
            "Action": ["s3:GetObject", *actions],
            "Resource": [f"arn:aws:s3:::{BUCKET}/*", f"arn:aws:s3:::{BUCKET}"],
            "Condition": {"StringEquals": {"AWS:SourceArn": arn}},
        }
    )


def test_a_link_leads_to_the_sandbox(clean_sandbox: Sandbox) -> None:
    port = urlsplit(clean_sandbox.url).port
    for given, path in (
        ("d1abc.cloudfront.net", "/"),
        ("https://d1abc.cloudfront.net", "/"),
        ("https://d1abc.cloudfront.net/approval-links/l-1?signature=a.b-c", "/approval-links/l-1?signature=a.b-c"),
        ("https://d1abc.cloudfront.net?x=1#y", "/?x=1#y"),
    ):
        assert clean_sandbox.portal_url(given) == f"http://d1abc.cloudfront.localhost:{port}{path}"
    for other in ("https://example.com", "https://d1abc.cloudfront.net.example.com/", "https://x/d1abc.cloudfront.net"):
        with pytest.raises(ValueError, match="not at a CloudFront"):
            clean_sandbox.portal_url(other)


def test_a_private_bucket_is_read_by_its_distribution(make_site: Callable[..., Site]) -> None:
    site = make_site()
    root = site.get("/")
    assert (root.status, root.body, root.headers["content-type"]) == (200, b"index.html", "text/html")
    assert root.headers["x-cache"] == "Miss from cloudfront"
    assert site.get("/app/main.js").body == b"app/main.js"
    assert site.get("/a%20b.txt").body == b"a b.txt"
    head = site.get("/index.html", "HEAD")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "10")
    etag = site.get("/index.html").headers["etag"]
    assert site.get("/index.html", If_None_Match=etag).status == 304
    assert (site.get("/index.html", Range="bytes=0-4").status, site.get("/index.html", Range="bytes=0-4").body) == (
        206,
        b"index",
    )
    # Nobody else reads the bucket.
    assert request(site.sandbox, f"/{BUCKET}/index.html").status == 403


def test_it_is_found_by_host_and_by_path(make_site: Callable[..., Site]) -> None:
    site = make_site(Aliases={"Quantity": 1, "Items": ["portal.example.com"]})
    label = site.domain.partition(".")[0]
    hosts = (f"{site.id.lower()}.cloudfront.localhost:4566", f"{label}.cloudfront.localhost", site.domain)
    for host in (*hosts, "portal.example.com"):
        assert request(site.sandbox, "/", headers={"Host": host}).body == b"index.html", host
    assert request(site.sandbox, f"/_sandbox/cloudfront/{site.id}/app/main.js").body == b"app/main.js"
    assert request(site.sandbox, f"/_sandbox/cloudfront/{site.id}").body == b"index.html"
    # On a distribution's host every path is the distribution's, the sandbox's own ones, too.
    assert request(site.sandbox, "/_sandbox/health", headers={"Host": hosts[0]}).status == 403
    assert request(site.sandbox, "/", headers={"Host": "unknown.cloudfront.localhost"}).status == 403


@pytest.mark.parametrize(
    "policy",
    [
        None,
        lambda _arn: reads(f"arn:aws:cloudfront::{CENTRAL}:distribution/EOTHER"),
        lambda arn: reads(arn).replace("cloudfront.amazonaws.com", "s3.amazonaws.com"),
        lambda arn: reads(arn).replace("s3:GetObject", "s3:PutObject"),
        lambda arn: json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    *json.loads(reads(arn))["Statement"],
                    {
                        "Effect": "Deny",
                        "Principal": "*",
                        "Action": "s3:*",
                        "Resource": f"arn:aws:s3:::{BUCKET}/*",
                        "Condition": {"StringEquals": {"aws:SourceAccount": CENTRAL}},
                    },
                ],
            }
        ),
    ],
    ids=["none", "another distribution", "another service", "another action", "a deny"],
)
def test_without_the_buckets_policy_there_is_nothing_to_see(
    make_site: Callable[..., Site], policy: Callable[[str], str] | None
) -> None:
    site = make_site(policy=policy)
    answer = site.get("/index.html")
    assert (answer.status, b"<Code>AccessDenied</Code>" in answer.body) == (403, True)
    denied = site.sandbox.ledger(action="s3:GetObject", allowed=False)
    assert denied[-1]["principal"] == "cloudfront.amazonaws.com"


def test_who_does_not_sign_is_nobody(make_site: Callable[..., Site]) -> None:
    assert make_site(signing="never").get("/index.html").status == 403


def test_a_customer_managed_key_has_to_let_it_in(make_site: Callable[..., Site]) -> None:
    site = make_site()
    kms, s3 = site.sandbox.client("kms", CENTRAL), site.sandbox.client("s3", CENTRAL)
    own = {"Principal": {"AWS": f"arn:aws:iam::{CENTRAL}:root"}, "Action": "kms:*", "Resource": "*"}
    key = kms.create_key(Policy=document(own))["KeyMetadata"]["Arn"]
    s3.put_object(Bucket=BUCKET, Key="index.html", Body=b"sealed", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    assert site.get("/").status == 403
    reader = {
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": "kms:Decrypt",
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:SourceArn": site.arn}},
    }
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=document(own, reader))
    assert site.get("/").body == b"sealed"


def test_what_is_missing_is_forbidden_unless_the_bucket_may_be_listed(make_site: Callable[..., Site]) -> None:
    site = make_site()
    assert site.get("/nothing").status == 403
    site.sandbox.client("s3", CENTRAL).put_bucket_policy(Bucket=BUCKET, Policy=reads(site.arn, "s3:ListBucket"))
    answer = site.get("/nothing")
    assert (answer.status, b"NoSuchKey" in answer.body) == (404, True)


def test_only_allowed_methods_reach_an_origin(make_site: Callable[..., Site]) -> None:
    site = make_site()
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        answer = site.get("/index.html", method)
        assert (answer.status, b"supports only cachable requests" in answer.body) == (403, True)
    assert site.get("/index.html").body == b"index.html"


def test_errors_may_have_a_page_of_their_own(make_site: Callable[..., Site]) -> None:
    pages = [
        {"ErrorCode": 403, "ResponsePagePath": "/index.html", "ResponseCode": "200", "ErrorCachingMinTTL": 0},
        {"ErrorCode": 404, "ErrorCachingMinTTL": 0},
    ]
    site = make_site(CustomErrorResponses={"Quantity": 2, "Items": pages})
    answer = site.get("/products/sales/departures")
    assert (answer.status, answer.body) == (200, b"index.html")


def test_a_response_headers_policy_is_added(make_site: Callable[..., Site], clean_sandbox: Sandbox) -> None:
    policy = clean_sandbox.client("cloudfront", CENTRAL).create_response_headers_policy(
        ResponseHeadersPolicyConfig={
            "Name": "strict",
            "SecurityHeadersConfig": {
                "ContentSecurityPolicy": {"Override": True, "ContentSecurityPolicy": CSP},
                "ContentTypeOptions": {"Override": True},
                "FrameOptions": {"Override": True, "FrameOption": "DENY"},
                "ReferrerPolicy": {"Override": True, "ReferrerPolicy": "no-referrer"},
                "StrictTransportSecurity": {"Override": True, "AccessControlMaxAgeSec": 60, "IncludeSubdomains": True},
            },
            "CustomHeadersConfig": {
                "Quantity": 1,
                "Items": [{"Header": "cache-control", "Value": "no-store", "Override": False}],
            },
            "RemoveHeadersConfig": {"Quantity": 1, "Items": [{"Header": "server"}]},
        }
    )["ResponseHeadersPolicy"]["Id"]
    site = make_site(headers_policy=policy)
    for path in ("/", "/nothing"):
        headers = site.get(path).headers
        assert headers["content-security-policy"] == CSP
        assert headers["strict-transport-security"] == "max-age=60; includeSubDomains"
        assert (headers["x-content-type-options"], headers["x-frame-options"]) == ("nosniff", "DENY")
        assert (headers["referrer-policy"], headers["server"]) == ("no-referrer", None)
    assert site.get("/").headers["cache-control"] == "no-cache"  # the origin's stands: the policy does not override it
    assert site.get("/nothing").headers["cache-control"] == "no-store"


def test_policies_of_aws_itself_are_known(make_site: Callable[..., Site]) -> None:
    headers = make_site(headers_policy=SECURITY_HEADERS).get("/").headers
    assert headers["strict-transport-security"] == "max-age=31536000"
    assert headers["referrer-policy"] == "strict-origin-when-cross-origin"


# --- An API behind it -------------------------------------------------------------------------------------------------


def api_origin(api: Api, path: str = "") -> dict[str, Any]:
    return {
        "Id": "api",
        "DomainName": f"{api.id}.execute-api.{REGION}.amazonaws.com",
        "OriginPath": path,
        "CustomOriginConfig": {
            "HTTPPort": 80,
            "HTTPSPort": 443,
            "OriginProtocolPolicy": "https-only",
            "OriginSslProtocols": {"Quantity": 1, "Items": ["TLSv1.2"]},
        },
    }


def to_api(pattern: str = "/v1/*", request_policy: str | None = ALL_BUT_HOST, **more: Any) -> dict[str, Any]:
    given = {"OriginRequestPolicyId": request_policy} if request_policy else {}
    return {
        "PathPattern": pattern,
        **behavior("api", methods=EVERY),
        "CachePolicyId": CACHING_DISABLED,
        **given,
        **more,
    }


@pytest.fixture
def api(make_api: Callable[..., Api]) -> Api:
    made = make_api()
    made.route("ANY /v1/{proxy+}")
    made.route("ANY /stage/v1/{proxy+}")
    made.stage()
    return made


def test_an_api_gets_all_but_the_host(make_site: Callable[..., Site], api: Api) -> None:
    site = make_site(origins=(api_origin(api),), behaviors=(to_api(),))
    path = "/v1/domains/a%2Fb?tag=a&tag=b&q=%C3%A4"
    answer = site.get(
        path, "POST", b'{"a": 1}', Authorization="Bearer t", Cookie="s=1", X_Own="yes", Content_Type="application/json"
    )
    assert answer.status == 200
    event = json.loads(answer.body)
    headers = event["headers"]
    assert headers["host"] == f"{api.id}.execute-api.{REGION}.amazonaws.com"
    assert (headers["authorization"], headers["x-own"], event["cookies"]) == ("Bearer t", "yes", ["s=1"])
    assert headers["content-type"] == "application/json"
    assert re.search(r"\.cloudfront\.net \(CloudFront\)$", headers["via"])
    assert (event["rawPath"], event["rawQueryString"]) == ("/v1/domains/a/b", "tag=a&tag=b&q=%C3%A4")
    assert (event["body"], event["requestContext"]["http"]["method"]) == ('{"a": 1}', "POST")
    # What is not below /v1/ is the bucket's.
    assert site.get("/v2/x").status == 403
    assert site.get("/index.html").body == b"index.html"


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH", "OPTIONS"])
def test_every_method_gets_through(make_site: Callable[..., Site], api: Api, method: str) -> None:
    site = make_site(origins=(api_origin(api),), behaviors=(to_api(),))
    event = json.loads(site.get("/v1/x", method, b"text", Content_Type="text/plain").body)
    assert (event["requestContext"]["http"]["method"], event["body"]) == (method, "text")


def test_without_a_request_policy_nothing_of_the_viewer_gets_through(make_site: Callable[..., Site], api: Api) -> None:
    site = make_site(origins=(api_origin(api),), behaviors=(to_api(request_policy=None),))
    event = json.loads(site.get("/v1/x?a=1", Authorization="Bearer t", Cookie="s=1", X_Own="yes").body)
    assert not {"authorization", "x-own", "cookie"} & set(event["headers"])
    assert (event["rawQueryString"], "cookies" in event) == ("", False)


def test_an_api_does_not_know_the_viewers_host(make_site: Callable[..., Site], api: Api) -> None:
    """AllViewer forwards the Host header too, and API Gateway finds no API by it."""
    site = make_site(origins=(api_origin(api),), behaviors=(to_api(request_policy=ALL_VIEWER),))
    answer = site.get("/v1/x")
    assert (answer.status, answer.body) == (403, b'{"message":"Forbidden"}')


def test_the_first_behavior_that_matches_counts(make_site: Callable[..., Site], api: Api) -> None:
    site = make_site(
        origins=(api_origin(api, "/stage"),),
        behaviors=({"PathPattern": "v1/pages/*", **behavior("site")}, to_api("/v1/*")),
    )
    assert json.loads(site.get("/v1/x").body)["rawPath"] == "/stage/v1/x"
    assert site.get("/v1/pages/x").status == 403  # the bucket's: no such page


def test_an_error_page_hides_the_apis_errors_too(make_site: Callable[..., Site], api: Api) -> None:
    """It holds for the whole distribution: that is why the portal rewrites paths by a function instead."""
    pages = [{"ErrorCode": 404, "ResponsePagePath": "/index.html", "ResponseCode": "200", "ErrorCachingMinTTL": 0}]
    custom = {"Quantity": 1, "Items": pages}
    site = make_site(origins=(api_origin(api),), behaviors=(to_api("/api/*"),), CustomErrorResponses=custom)
    answer = site.get("/api/unknown")
    assert (answer.status, answer.body) == (200, b"index.html")


def test_a_disabled_distribution_serves_nothing(make_site: Callable[..., Site]) -> None:
    site = make_site(Enabled=False)
    assert site.get("/").status == 403


def test_a_snapshot_has_the_distribution(make_site: Callable[..., Site]) -> None:
    site = make_site()
    site.sandbox.snapshot("site")
    site.sandbox.reset()
    assert site.get("/").status == 403
    site.sandbox.restore("site")
    assert site.get("/").body == b"index.html"


def test_mails_lead_to_the_distribution(make_site: Callable[..., Site]) -> None:
    site = make_site()
    sns = site.sandbox.client("sns", CENTRAL)
    topic = sns.create_topic(Name="mails")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="owner@sales.example")
    sns.publish(TopicArn=topic, Message=f"Look: https://{site.domain}/approval-links/l1?signature=s")
    page = request(site.sandbox, "/_sandbox/mail.html?to=owner@sales.example").body.decode()
    link = site.sandbox.portal_url(f"https://{site.domain}/approval-links/l1?signature=s")
    assert f'href="{link}"' in page


# --- IAM --------------------------------------------------------------------------------------------------------------


def test_calls_need_iam(make_site: Callable[..., Site], make_role: Callable[..., str]) -> None:
    site = make_site()
    role = make_role("reader", {"Action": "cloudfront:GetDistribution", "Resource": site.arn})
    reader = site.sandbox.client("cloudfront", role_arn=role)
    assert reader.get_distribution(Id=site.id)["Distribution"]["DomainName"] == site.domain
    code, message = refusal(lambda: reader.delete_distribution(Id=site.id, IfMatch=site.etag))
    assert (code, "cloudfront:DeleteDistribution" in message) == ("AccessDenied", True)
    code, message = refusal(lambda: reader.create_invalidation(
        DistributionId=site.id, InvalidationBatch={"CallerReference": "1", "Paths": {"Quantity": 1, "Items": ["/*"]}}
    ))  # fmt: skip
    assert (code, "cloudfront:CreateInvalidation" in message) == ("AccessDenied", True)
    assert refusal(lambda: site.sandbox.client("cloudfront", SALES).get_distribution(Id=site.id))[0] == (
        "NoSuchDistribution"
    )
