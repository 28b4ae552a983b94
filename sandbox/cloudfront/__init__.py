"""CloudFront: distributions that a browser can open, in front of buckets and HTTP APIs.

MiniStack keeps distributions, policies and functions and knows which behaviour serves a path and what of a request it
forwards; the way in from a browser and the ways out to the origins are this package. A distribution is served at
`http://<label>.cloudfront.localhost:<port>/…`, where the label is its id in lower case or that of its domain name
(Chromium and curl resolve `*.localhost` by themselves), at its aliases by the Host header, and at
`/_sandbox/cloudfront/<id>/…` for whoever cannot resolve names. `Sandbox.portal_url(link)` makes the first of what
`aws_cloudfront_distribution.domain_name` gives, or of any link to it.

An S3 origin is read as the service principal `cloudfront.amazonaws.com` with `aws:SourceArn` (origin access control) or
as nobody, and the bucket's and the key's policies decide. An origin that is an HTTP API of the sandbox gets the request
with the headers that cache and origin request policy let pass.

Knowingly different from AWS:

* There is no TLS, so the viewer protocol policy is not enforced; the site's address is another one than AWS's.
* Nothing is cached: every answer is a "Miss from cloudfront", invalidations finish at once, and TTLs change nothing.
* Nothing is compressed. Geographic restrictions, WAF, signed URLs, logs, Lambda@Edge and price classes do nothing.
* Functions run in Node and may do more than on the edge. Origins elsewhere in AWS are not reached (502).
* A new or changed distribution is deployed at once.
"""

from __future__ import annotations

from sandbox import adapter
from sandbox.cloudfront import origins

_MODULE = "services.cloudfront"


def install() -> None:
    """Fit into MiniStack's data plane."""
    adapter.patch(_MODULE, "_check_viewer_protocol_policy", lambda _: lambda *_arguments: None)
    adapter.patch(_MODULE, "_fetch_from_origin", origins.fetch)
