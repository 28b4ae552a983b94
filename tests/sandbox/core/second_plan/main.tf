terraform {
  required_providers { aws = { source = "hashicorp/aws", version = "5.100.0" } }
}
# What approvals of access need of AWS beside queues, whose creation the provider waits half a minute for.
locals {
  queues = "arn:aws:sqs:eu-west-1:111111111111"
}
provider "aws" {
  region                      = "eu-west-1"
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_requesting_account_id  = false
  skip_metadata_api_check     = true
}
data "aws_iam_policy_document" "scheduler" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com", "lambda.amazonaws.com"]
    }
  }
}
resource "aws_iam_role" "scheduler" {
  name               = "scheduler"
  assume_role_policy = data.aws_iam_policy_document.scheduler.json
}
resource "aws_iam_role_policy" "all" {
  role   = aws_iam_role.scheduler.id
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = ["sqs:*", "states:StartExecution", "events:PutEvents"], Resource = "*" }] })
}
resource "aws_scheduler_schedule_group" "expiries" {
  name = "expiries"
  tags = { mesh = "yes" }
}
resource "aws_cloudwatch_event_bus" "bus" { name = "approvals" }
resource "aws_scheduler_schedule" "rate" {
  name                = "sweep"
  group_name          = aws_scheduler_schedule_group.expiries.name
  schedule_expression = "rate(1 hour)"
  flexible_time_window { mode = "OFF" }
  target {
    arn      = aws_cloudwatch_event_bus.bus.arn
    role_arn = aws_iam_role.scheduler.arn
    input    = jsonencode({ sweep = true })
    eventbridge_parameters {
      detail_type = "Sweep"
      source      = "approvals"
    }
    dead_letter_config { arn = "${local.queues}:letters" }
    retry_policy {
      maximum_event_age_in_seconds = 3600
      maximum_retry_attempts       = 3
    }
  }
}
resource "aws_scheduler_schedule" "plain" {
  name                         = "plain"
  schedule_expression          = "cron(0 3 * * ? *)"
  schedule_expression_timezone = "Europe/Berlin"
  flexible_time_window { mode = "OFF" }
  target {
    arn      = "${local.queues}:letters"
    role_arn = aws_iam_role.scheduler.arn
  }
}
resource "aws_kms_key" "hmac" {
  key_usage                = "GENERATE_VERIFY_MAC"
  customer_master_key_spec = "HMAC_256"
  description              = "links"
  policy                   = jsonencode({ Version = "2012-10-17", Statement = [{ Sid = "root", Effect = "Allow", Principal = { AWS = "arn:aws:iam::111111111111:root" }, Action = "kms:*", Resource = "*" }] })
}
resource "aws_kms_alias" "hmac" {
  name          = "alias/links"
  target_key_id = aws_kms_key.hmac.key_id
}
resource "aws_sns_topic" "t" { name = "mails" }
resource "aws_sns_topic_subscription" "t" {
  topic_arn     = aws_sns_topic.t.arn
  protocol      = "email"
  endpoint      = "ann@example.com"
  filter_policy = jsonencode({ recipient = ["ann"] })
}
resource "aws_lambda_function" "f" {
  function_name = "f"
  role          = aws_iam_role.scheduler.arn
  runtime       = "python3.11"
  handler       = "h.handler"
  filename      = "${path.module}/function.zip"
  timeout       = 30
}
resource "aws_lambda_event_source_mapping" "q" {
  event_source_arn                   = "${local.queues}:work"
  function_name                      = aws_lambda_function.f.arn
  batch_size                         = 5
  function_response_types            = ["ReportBatchItemFailures"]
  maximum_batching_window_in_seconds = 1
  scaling_config { maximum_concurrency = 2 }
  depends_on = [aws_iam_role_policy.all]
}
resource "aws_apigatewayv2_api" "api" {
  name          = "approvals"
  protocol_type = "HTTP"
  description   = "approve"
}
resource "aws_apigatewayv2_integration" "api" {
  api_id                 = aws_apigatewayv2_api.api.id
  integration_type       = "AWS_PROXY"
  integration_uri        = aws_lambda_function.f.invoke_arn
  payload_format_version = "2.0"
  timeout_milliseconds   = 15000
}
resource "aws_apigatewayv2_route" "api" {
  api_id    = aws_apigatewayv2_api.api.id
  route_key = "GET /requests/{id}"
  target    = "integrations/${aws_apigatewayv2_integration.api.id}"
}
resource "aws_cloudwatch_log_group" "api" { name = "/aws/vendedlogs/api" }
resource "aws_apigatewayv2_stage" "api" {
  api_id      = aws_apigatewayv2_api.api.id
  name        = "$default"
  auto_deploy = true
  default_route_settings {
    throttling_burst_limit = 20
    throttling_rate_limit  = 10
  }
  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.api.arn
    format          = jsonencode({ requestId = "$context.requestId" })
  }
}
resource "aws_lambda_permission" "api" {
  function_name = aws_lambda_function.f.function_name
  action        = "lambda:InvokeFunction"
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.api.execution_arn}/*/GET/requests/{id}"
}
resource "aws_cloudwatch_event_connection" "c" {
  name               = "hook"
  authorization_type = "API_KEY"
  auth_parameters {
    api_key {
      key   = "x-key"
      value = "secret"
    }
  }
}
resource "aws_cloudwatch_event_api_destination" "d" {
  name                             = "hook"
  invocation_endpoint              = "https://127.0.0.1:9/hook"
  http_method                      = "POST"
  connection_arn                   = aws_cloudwatch_event_connection.c.arn
  invocation_rate_limit_per_second = 5
}
output "endpoint" { value = aws_apigatewayv2_api.api.api_endpoint }
