"""HTTP APIs of API Gateway (v2) that a browser can call, in front of functions that let API Gateway in.

MiniStack keeps APIs, routes, integrations and stages and picks the route; the way from a plain HTTP request to a
function and back is this package. An API is called at `/_sandbox/api/<api-id>/<path>`, whoever asks and whichever
account owns it; `Sandbox.api_url(api_endpoint)` makes that URL of what `aws_apigatewayv2_api.api_endpoint` gives.

Knowingly different from AWS:

* `api_endpoint` has AWS's host name, which does not lead here; there is no TLS.
* A route's token bucket starts full and fills by the machine's time, not by the clock that tests move; AWS's is
  "best effort". The setting `api_throttling` turns it off. Limits of the account throttle only by a fault (service
  `execute-api`, action `Invoke`).
* CORS headers are added to what an integration answers, as documented; 401, 403, 404 and 429 of API Gateway have none.
* An OPTIONS route is served for Lambda integrations, without or with a JWT authorizer.
* A JWT authorizer judges tokens of the sandbox's user pools with the pool's keys; other issuers are asked for theirs.
  `error_description` in `www-authenticate` is AWS's for the audience and a paraphrase for the rest.
* No access log, no metrics, no mutual TLS.
* Events carry `requestContext.http.sourceIp` 127.0.0.1, unless the caller comes from elsewhere.
* For a route with method ANY, `aws:SourceArn` names the method of the request.
* Payload format 1.0 of Lambda integrations is not made: functions get format 2.0.
"""

from __future__ import annotations

from sandbox import adapter
from sandbox.httpapi import authorizer, cors, endpoints, limits, proxy

_MODULE = "services.apigateway"


def install() -> None:
    """AWS's endpoint names, our way to functions, and what stands before it."""
    adapter.patch(_MODULE, "_create_api", endpoints.named_as_on_aws)
    adapter.patch(_MODULE, "_invoke_lambda_proxy", lambda _: proxy.invoke)
    adapter.patch(_MODULE, "_validate_jwt_authorizer", authorizer.validate)
    adapter.patch(_MODULE, "_cors_response_headers", lambda _: cors.headers_for)
    limits.install()
