# Who is signed in may ask; whether this person may ask this is for the function to decide. What each function answers is
# said in its own file, and tests compare the routes with those of the package (datamesh/models/api/routes.py).

locals {
  # {"<method> <path>" => function}
  routes = merge(
    { for route in local.answer_query_routes : route => "answer_query" },
    { for route in local.send_command_routes : route => "send_command" },
    { for route in local.cast_vote_routes : route => "cast_vote" },
    { for route in local.retry_execution_routes : route => "retry_execution" },
  )

  api_functions = {
    answer_query    = module.answer_query_function
    cast_vote       = module.cast_vote_function
    retry_execution = module.retry_execution_function
    send_command    = module.send_command_function
  }

  # Pages on the portal's own address need none of this: portal and API are one origin.
  cors_origins = distinct(concat([for domain in var.custom_domain[*] : "https://${domain.name}"], var.allowed_origins))
}

resource "aws_apigatewayv2_api" "this" {
  name          = local.name
  description   = "What people and pipelines do in the data mesh."
  protocol_type = "HTTP"

  dynamic "cors_configuration" {
    for_each = length(local.cors_origins) == 0 ? [] : [local.cors_origins]

    content {
      allow_headers  = ["authorization", "content-type", "idempotency-key"]
      allow_methods  = ["DELETE", "GET", "POST", "PUT"]
      allow_origins  = cors_configuration.value
      expose_headers = ["retry-after"]
      max_age        = 600
    }
  }
}

# 1. Who asks

resource "aws_apigatewayv2_authorizer" "people" {
  api_id           = aws_apigatewayv2_api.this.id
  name             = "people"
  authorizer_type  = "JWT"
  identity_sources = ["$request.header.Authorization"]

  jwt_configuration {
    audience = [aws_cognito_user_pool_client.portal.id]
    issuer   = "https://${aws_cognito_user_pool.this.endpoint}"
  }
}

# 2. Routes

resource "aws_apigatewayv2_integration" "this" {
  for_each = local.api_functions

  api_id                 = aws_apigatewayv2_api.this.id
  integration_type       = "AWS_PROXY"
  integration_uri        = each.value.alias_arn
  payload_format_version = "2.0"
  timeout_milliseconds   = 30000
}

resource "aws_apigatewayv2_route" "this" {
  for_each = local.routes

  api_id             = aws_apigatewayv2_api.this.id
  route_key          = each.key
  authorization_type = "JWT"
  authorizer_id      = aws_apigatewayv2_authorizer.people.id
  target             = "integrations/${aws_apigatewayv2_integration.this[each.value].id}"
}

resource "aws_lambda_permission" "api" {
  for_each = local.api_functions

  statement_id  = "AllowApi"
  action        = "lambda:InvokeFunction"
  function_name = each.value.function_name
  qualifier     = each.value.alias_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.this.execution_arn}/*/*/v1/*"
}

# 3. Limits and log

resource "aws_apigatewayv2_stage" "this" {
  api_id      = aws_apigatewayv2_api.this.id
  name        = "$default"
  auto_deploy = true

  default_route_settings {
    throttling_burst_limit = 2 * var.requests_per_second
    throttling_rate_limit  = var.requests_per_second
  }

  # Neither paths nor queries: those of an approval link are a secret. The function's own log says who asked for what.
  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.api_access.arn
    format = jsonencode({
      authorizerError  = "$context.authorizer.error"
      integrationError = "$context.integrationErrorMessage"
      ip               = "$context.identity.sourceIp"
      requestId        = "$context.requestId"
      requestTime      = "$context.requestTime"
      responseLatency  = "$context.responseLatency"
      responseLength   = "$context.responseLength"
      route            = "$context.routeKey"
      status           = "$context.status"
      subject          = "$context.authorizer.claims.sub"
      userAgent        = "$context.identity.userAgent"
    })
  }
}

resource "aws_cloudwatch_log_group" "api_access" {
  #checkov:skip=CKV_AWS_158:the log has no secret in it: neither paths, queries nor tokens
  #checkov:skip=CKV_AWS_338:how long logs are kept is the caller's choice
  # Other names share one resource policy of the account, which has a limit.
  # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html
  name              = "/aws/vendedlogs/apigateway/${local.name}"
  retention_in_days = var.log_retention_days
}

# 4. What somebody has to look at

resource "aws_cloudwatch_metric_alarm" "api_errors" {
  alarm_name          = "${local.name}-api-errors"
  alarm_description   = "The portal's API answered with errors."
  namespace           = "AWS/ApiGateway"
  metric_name         = "5xx"
  dimensions          = { ApiId = aws_apigatewayv2_api.this.id }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
}
