"""HTTP APIs of API Gateway (v2) that a browser can call, in front of functions that let API Gateway in.

MiniStack keeps APIs, routes, integrations and stages and picks the route; the way from a plain HTTP request to a
function and back is this package. An API is called at `/_sandbox/api/<api-id>/<path>`, whoever asks and whichever
account owns it; `Sandbox.api_url(api_endpoint)` makes that URL of what `aws_apigatewayv2_api.api_endpoint` gives.

Knowingly different from AWS:

* `api_endpoint` has AWS's host name, which does not lead here; there is no TLS.
* Throttling settings are kept and shown; only a fault throttles (service `execute-api`, action `Invoke`).
* No access log, no metrics, no mutual TLS.
* Events carry `requestContext.http.sourceIp` 127.0.0.1, unless the caller comes from elsewhere.
* For a route with method ANY, `aws:SourceArn` names the method of the request.
* Payload format 1.0 of Lambda integrations is not made: functions get format 2.0.
"""

from __future__ import annotations

from sandbox import adapter
from sandbox.httpapi import endpoints, proxy


def install() -> None:
    """AWS's endpoint names, and our way to functions."""
    adapter.patch("services.apigateway", "_create_api", endpoints.named_as_on_aws)
    adapter.patch("services.apigateway", "_invoke_lambda_proxy", lambda _: proxy.invoke)
