"""The server's side of AWS's wire protocols, driven by botocore's service models.

botocore only knows the client's side: it writes requests and reads answers. A service that the sandbox adds needs the
reverse, and calling MiniStack's own handlers from inside needs the client's side without a network. Protocols:
`json` and `rest-json` both ways; every protocol botocore speaks when calling.

Sources: https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html and
https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html.
"""

from __future__ import annotations

import base64
import binascii
import functools
import io
import json
import re
import threading
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode

import botocore.session
from botocore import parsers, serialize
from botocore.awsrequest import HeadersDict
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

from sandbox.api import AwsError, Json
from sandbox.validation import constraint_errors, validation_error

# MiniStack names a few services otherwise than botocore does.
BOTOCORE_NAMES = {
    "states": "stepfunctions",
    "monitoring": "cloudwatch",
    "elasticloadbalancing": "elbv2",
    "tagging": "resourcegroupstaggingapi",
    "apigateway": "apigatewayv2",
}


@functools.lru_cache(maxsize=1)
def _session() -> Json:
    return botocore.session.get_session()


_models: dict[str, ServiceModel] = {}
_models_lock = threading.Lock()


def model(service: str) -> ServiceModel:
    """botocore's model of a service, by MiniStack's or botocore's name; raises botocore's `UnknownServiceError`."""
    name = BOTOCORE_NAMES.get(service, service)
    found = _models.get(name)
    if found is None:
        # A botocore session is not made for several threads.
        with _models_lock:
            found = _models.setdefault(name, _session().get_service_model(name))
    return found


def service_names() -> list[str]:
    """All services botocore has a model of."""
    names: list[str] = _session().get_available_services()
    return names


def protocol(service: str) -> str:
    """The protocol in which boto3 talks to this service."""
    return str(model(service).metadata["protocol"])


@dataclass(frozen=True)
class _Route:
    method: str
    pattern: re.Pattern[str]
    query: dict[str, list[str]]
    needs: tuple[tuple[str, str], ...]
    """Where (`header`, `querystring`) and under which name the request carries what the operation requires."""
    operation: str
    rank: tuple[int, int, int]


@functools.cache
def _routes(service: str) -> list[_Route]:
    """The most specific first: `/a/b` before `/a/{x}`, `/{bucket}?acl` before `/{bucket}`."""
    routes = []
    for name in model(service).operation_names:
        http = model(service).operation_model(name).http
        uri, _, inline = http["requestUri"].partition("?")
        pattern = re.sub(r"\{(\w+)\+\}", r"(?P<\1>.+)", uri)
        # The server decodes paths, so that an ARN's slashes look like any others.
        pattern = re.sub(r"\{(\w+Arn)\}", r"(?P<\1>.+)", pattern)
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern)
        query = parse_qs(inline, keep_blank_values=True)
        needs = _required_outside(model(service).operation_model(name))
        rank = (-len(query) - len(needs), -uri.count("/"), uri.count("{"))
        routes.append(_Route(http["method"], re.compile(pattern + "/?$"), query, needs, name, rank))
    return sorted(routes, key=lambda route: route.rank)


def _required_outside(operation: OperationModel) -> tuple[tuple[str, str], ...]:
    """CopyObject and PutObject share their URI: the one requires `x-amz-copy-source`."""
    shape = operation.input_shape
    members = [shape.members[name].serialization for name in shape.required_members] if shape else []
    return tuple(
        (found["location"], found["name"].lower() if found["location"] == "header" else found["name"])
        for found in members
        if found.get("location") in ("header", "querystring")
    )


def operation_of(
    service: str, method: str, path: str, headers: dict[str, str], query: dict[str, list[str]]
) -> str | None:
    """The operation a request asks for, or None when the service has none like it."""
    target = headers.get("x-amz-target", "")
    if target:
        name = target.rpartition(".")[2]
        return name if name in model(service).operation_names else None
    for route in _routes(service):
        if route.method != method or not route.pattern.match(path):
            continue
        named = all(key in query and (values == [""] or query[key] == values) for key, values in route.query.items())
        if named and all(name in (headers if place == "header" else query) for place, name in route.needs):
            return route.operation
    return None


def decode(
    service: str, *, method: str, path: str, headers: dict[str, str], query: dict[str, list[str]], body: bytes
) -> tuple[str, dict[str, Any]]:
    """The operation and its parameters, as a client's `client.operation(**params)` had them.

    Raises `AwsError` UnknownOperationException, SerializationException, or the service's validation error.
    """
    name = operation_of(service, method, path, headers, query)
    if name is None:
        raise AwsError("UnknownOperationException", "", 404)
    operation = model(service).operation_model(name)
    shape = operation.input_shape
    if shape is None:
        return name, {}
    try:
        payload = json.loads(body) if body else {}
    except ValueError as error:
        raise AwsError("SerializationException", "") from error
    if not isinstance(payload, dict):
        raise AwsError("SerializationException", "Start of structure or map found where not expected.")
    params = _decode_structure(shape, payload)
    if protocol(service) == "rest-json":
        params.update(_decode_locations(service, operation, path, headers, query))
    if errors := constraint_errors(shape, params):
        raise validation_error(service, errors)
    return name, params


def _decode_locations(
    service: str, operation: OperationModel, path: str, headers: dict[str, str], query: dict[str, list[str]]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if operation.input_shape is None:
        return found
    matches = (route.pattern.match(path) for route in _routes(service) if route.operation == operation.name)
    uri_values = next((match.groupdict() for match in matches if match), {})
    for member, shape in operation.input_shape.members.items():
        location, wire_name = shape.serialization.get("location"), shape.serialization.get("name", member)
        if location == "uri" and wire_name in uri_values:
            found[member] = _decode_text(shape, unquote(uri_values[wire_name]))
        elif location == "querystring" and wire_name in query:
            values = query[wire_name]
            found[member] = values if isinstance(shape, ListShape) else _decode_text(shape, values[0])
        elif location == "header" and wire_name.lower() in headers:
            found[member] = _decode_text(shape, headers[wire_name.lower()])
    return found


def _decode_text(shape: Shape, text: str) -> Json:
    if shape.type_name in ("integer", "long"):
        return int(text)
    if shape.type_name == "boolean":
        return text.lower() == "true"
    return text


def _decode_structure(shape: StructureShape, value: dict[str, Any]) -> dict[str, Any]:
    by_wire_name = {member.serialization.get("name", name): (name, member) for name, member in shape.members.items()}
    return {
        by_wire_name[key][0]: _decode_value(by_wire_name[key][1], item)
        for key, item in value.items()
        if key in by_wire_name and item is not None
    }


def _decode_value(shape: Shape, value: Json) -> Json:
    if isinstance(shape, StructureShape) and not shape.is_document_type:
        if not isinstance(value, dict):
            raise AwsError("SerializationException", "Expected a structure.")
        return _decode_structure(shape, value)
    if isinstance(shape, ListShape):
        if not isinstance(value, list):
            raise AwsError("SerializationException", "Expected list or null")
        return [_decode_value(shape.member, item) for item in value if item is not None]
    if isinstance(shape, MapShape):
        if not isinstance(value, dict):
            raise AwsError("SerializationException", "Expected a map.")
        return {key: _decode_value(shape.value, item) for key, item in value.items() if item is not None}
    return _decode_scalar(shape, value)


def _decode_scalar(shape: Shape, value: Json) -> Json:
    kind = shape.type_name
    if kind == "string" and not isinstance(value, str):
        raise AwsError("SerializationException", f"{type(value).__name__} can not be converted to a String")
    if kind == "boolean" and not isinstance(value, bool):
        raise AwsError("SerializationException", f"{value} can not be converted to a Boolean")
    if kind in ("integer", "long") and (isinstance(value, bool) or not isinstance(value, int)):
        raise AwsError("SerializationException", f"{value} can not be converted to an Integer")
    if kind == "blob":
        try:
            return base64.b64decode(value)
        except (binascii.Error, TypeError) as error:
            raise AwsError("SerializationException", "Invalid base64") from error
    if kind == "timestamp":
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        return datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    return value


# --- answers --------------------------------------------------------------------------------------------------------


def encode(service: str, operation: str, result: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    """The HTTP answer (status, headers, body) of a json or rest-json service."""
    described = model(service).operation_model(operation)
    body = b""
    if described.output_shape is not None:
        body = json.dumps(_encode_structure(described.output_shape, result)).encode()
    elif protocol(service) == "json":
        body = b"{}"
    return int(described.http.get("responseCode", 200)), {"Content-Type": content_type(service)}, body


def content_type(service: str) -> str:
    """What a json or rest-json service calls its bodies."""
    if protocol(service) == "rest-json":
        return "application/json"
    return f"application/x-amz-json-{model(service).metadata.get('jsonVersion', '1.1')}"


def _encode_structure(shape: StructureShape, value: dict[str, Any]) -> dict[str, Any]:
    return {
        shape.members[name].serialization.get("name", name): _encode_value(shape.members[name], item)
        for name, item in value.items()
        if name in shape.members and item is not None
    }


def _encode_value(shape: Shape, value: Json) -> Json:
    if isinstance(shape, StructureShape) and not shape.is_document_type:
        return _encode_structure(shape, value)
    if isinstance(shape, ListShape):
        return [_encode_value(shape.member, item) for item in value]
    if isinstance(shape, MapShape):
        return {key: _encode_value(shape.value, item) for key, item in value.items()}
    if shape.type_name == "timestamp":
        return _encode_timestamp(shape, value)
    if shape.type_name == "blob":
        return base64.b64encode(value if isinstance(value, bytes) else str(value).encode()).decode()
    return value


def _encode_timestamp(shape: Shape, value: Json) -> Json:
    if isinstance(value, str):
        value = datetime.fromisoformat(value.replace("Z", "+00:00"))
    if isinstance(value, int | float):
        value = datetime.fromtimestamp(value, UTC)
    if shape.serialization.get("timestampFormat") == "iso8601":
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return round(value.timestamp(), 3)


def encode_query(service: str, operation: str, result: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    """The answer of a service in the Query protocol, https://smithy.io/2.0/aws/protocols/aws-query-protocol.html."""
    shape = model(service).operation_model(operation).output_shape
    inner = _xml_members(shape, result) if shape is not None else ""
    namespace = model(service).metadata.get("xmlNamespace", "")
    text = (
        f'<{operation}Response xmlns="{namespace}"><{operation}Result>{inner}</{operation}Result>'
        f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata></{operation}Response>"
    )
    return 200, {"Content-Type": "text/xml"}, text.encode()


def _xml_members(shape: StructureShape, value: dict[str, Any]) -> str:
    return "".join(
        f"<{name}>{_xml(shape.members[name], item)}</{name}>"
        for name, item in value.items()
        if name in shape.members and item is not None
    )


def _xml(shape: Shape, value: Json) -> str:
    if isinstance(shape, StructureShape):
        return _xml_members(shape, value)
    if isinstance(shape, ListShape):
        return "".join(f"<member>{_xml(shape.member, item)}</member>" for item in value)
    if isinstance(shape, MapShape):
        pairs = ((_escape(str(key)), _xml(shape.value, item)) for key, item in value.items())
        return "".join(f"<entry><key>{key}</key><value>{item}</value></entry>" for key, item in pairs)
    if shape.type_name == "boolean":
        return str(value).lower()
    if shape.type_name == "timestamp" and isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC).isoformat().replace("+00:00", "Z")
    return _escape(str(value))


# --- calling MiniStack's handlers -----------------------------------------------------------------------------------


def request(
    service: str, operation: str, params: dict[str, Any]
) -> tuple[str, str, dict[str, str], dict[str, list[str]], bytes]:
    """What boto3 would send: method, path, headers (lower case), query parameters and body."""
    described = model(service).operation_model(operation)
    serializer = serialize.create_serializer(protocol(service), include_validation=True)
    built = serializer.serialize_to_request(params, described)
    headers = {key.lower(): str(value) for key, value in built["headers"].items()}
    body = built["body"] or b""
    if isinstance(body, dict):
        body = urlencode(body)
        headers.setdefault("content-type", "application/x-www-form-urlencoded; charset=utf-8")
    elif hasattr(body, "read"):
        body = body.read()
    path, _, inline = built["url_path"].partition("?")
    query = parse_qs(inline, keep_blank_values=True)
    for key, value in (built["query_string"] or {}).items():
        query[key] = [str(item) for item in value] if isinstance(value, list | tuple) else [str(value)]
    payload = body.encode() if isinstance(body, str) else bytes(body)
    headers["content-length"] = str(len(payload))
    return built["method"], unquote(quote(path, safe="/~%")), headers, query, payload


def response(service: str, operation: str, status: int, headers: dict[str, str], body: bytes) -> dict[str, Any]:
    """The answer as boto3 would return it, without `ResponseMetadata`; raises `AwsError` for an error answer."""
    described = model(service).operation_model(operation)
    parser = parsers.create_parser(protocol(service))
    received = HeadersDict({key: str(value) for key, value in headers.items()})
    # botocore takes the bytes of a streaming member for text; a file object it passes on.
    payload: Json = io.BytesIO(body) if described.has_streaming_output and status < 300 else body
    answer = {"status_code": status, "headers": received, "body": payload, "context": {"operation_name": operation}}
    parsed: dict[str, Any] = parser.parse(answer, described.output_shape)  # type: ignore[arg-type]
    if status >= 300:
        error = parsed.get("Error", {})
        raise AwsError(error.get("Code") or str(status), error.get("Message", ""), status)
    parsed.pop("ResponseMetadata", None)
    return parsed


def error(service: str, failure: AwsError, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
    """An error answer in the service's protocol (the request's `headers` decide where a service speaks several)."""
    spoken = protocol(service)
    request_id = str(uuid.uuid4())
    if spoken == "smithy-rpc-v2-cbor" and "json" in (headers or {}).get("content-type", ""):
        spoken = "json"
    if spoken in ("json", "rest-json"):
        body = json.dumps({"__type": failure.code, "message": failure.message}).encode()
        answer = {"Content-Type": content_type(service), "x-amzn-errortype": failure.code}
        return failure.status, answer, body
    if spoken == "smithy-rpc-v2-cbor":
        # A map of two pairs of texts, RFC 8949.
        pairs = (_cbor_text(text) for text in ("__type", failure.code, "message", failure.message))
        body = b"\xa2" + b"".join(pairs)
        return failure.status, {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}, body
    code, message = _escape(failure.code), _escape(failure.message)
    fields = f"<Code>{code}</Code><Message>{message}</Message>"
    if spoken == "rest-xml" and service == "s3":
        text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{fields}<RequestId>{request_id}</RequestId></Error>'
        return failure.status, {"Content-Type": "application/xml"}, text.encode()
    sender = "Sender" if failure.status < 500 else "Receiver"
    namespace = model(service).metadata.get("xmlNamespace", "")
    text = (
        f'<ErrorResponse xmlns="{namespace}"><Error><Type>{sender}</Type>{fields}</Error>'
        f"<RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    return failure.status, {"Content-Type": "text/xml"}, text.encode()


def _cbor_text(text: str) -> bytes:
    encoded = text.encode()
    return b"\x79" + len(encoded).to_bytes(2, "big") + encoded


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
