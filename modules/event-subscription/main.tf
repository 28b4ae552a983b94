locals {
  # The one target that is set: see the validation of var.target.
  target_arn = one([for kind, target in var.target : target.arn if target != null])

  # A subscription to the default bus names it in no dimension.
  rule_dimensions = merge(
    { RuleName = aws_cloudwatch_event_rule.this.name },
    var.event_bus_name == "default" ? {} : { EventBusName = var.event_bus_name },
  )
}

resource "aws_cloudwatch_event_rule" "this" {
  name           = var.name
  description    = var.description
  event_bus_name = var.event_bus_name
  event_pattern  = var.event_pattern
  state          = "ENABLED"
}

resource "aws_cloudwatch_event_target" "this" {
  rule           = aws_cloudwatch_event_rule.this.name
  event_bus_name = aws_cloudwatch_event_rule.this.event_bus_name
  target_id      = "target"
  arn            = local.target_arn
  role_arn       = one(aws_iam_role.events[*].arn)
  input_path     = var.input_path

  retry_policy {
    maximum_event_age_in_seconds = var.retry_policy.maximum_event_age_in_seconds
    maximum_retry_attempts       = var.retry_policy.maximum_retry_attempts
  }

  dead_letter_config {
    arn = module.dead_letter_queue.arn
  }

  dynamic "http_target" {
    for_each = var.target.api_destination == null ? [] : [var.target.api_destination]

    content {
      header_parameters       = http_target.value.header_parameters
      path_parameter_values   = http_target.value.path_parameter_values
      query_string_parameters = http_target.value.query_string_parameters
    }
  }

  dynamic "input_transformer" {
    for_each = var.input_transformer == null ? [] : [var.input_transformer]

    content {
      input_paths    = input_transformer.value.input_paths
      input_template = input_transformer.value.input_template
    }
  }

  dynamic "sqs_target" {
    for_each = try(var.target.sqs.message_group_id, null) == null ? [] : [var.target.sqs.message_group_id]

    content {
      message_group_id = sqs_target.value
    }
  }

  # An event that arrives before the permission would go straight to the dead-letter queue, unretried.
  depends_on = [aws_iam_role_policy.events, aws_lambda_permission.this]
}

module "dead_letter_queue" {
  source = "../dead-letter-queue"

  name             = "${var.name}-dlq"
  alarm_topic_arns = var.alarm_topic_arns
  source_arns      = [aws_cloudwatch_event_rule.this.arn]
}
