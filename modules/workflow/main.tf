data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.name
}

# 1. The event arrives: rule, target, retries and the queue for what could not be started.
module "trigger" {
  source = "../event-subscription"

  name             = var.name
  account_id       = var.account_id
  alarm_topic_arns = var.alarm_topic_arns
  description      = var.description
  event_bus_name   = var.trigger.event_bus_name
  event_pattern    = var.trigger.event_pattern
  retry_policy     = var.retry_policy

  target = {
    step_functions = { arn = aws_sfn_state_machine.this.arn }
  }
}

# 2. It runs the state machine.
resource "aws_sfn_state_machine" "this" {
  #checkov:skip=CKV_AWS_285:Errors are logged; execution data stays out of the logs, because it has task tokens in it.
  name       = var.name
  type       = "STANDARD" # runs exactly once, may wait for days and can be redriven
  role_arn   = aws_iam_role.workflow.arn
  definition = var.definition

  logging_configuration {
    include_execution_data = false
    level                  = "ERROR"
    log_destination        = "${aws_cloudwatch_log_group.this.arn}:*"
  }

  tracing_configuration {
    enabled = true
  }

  lifecycle {
    precondition {
      condition     = can(keys(jsondecode(var.definition).States))
      error_message = "definition must be a state machine in Amazon States Language: JSON with States."
    }
  }

  # Step Functions tries the role out when it makes the state machine.
  depends_on = [aws_iam_role_policy.workflow]
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_158:CloudWatch Logs encrypts with its own key; a key of the caller's can be given.
  #checkov:skip=CKV_AWS_338:How long logs are kept is the caller's choice.
  # The log group's name must start like this: other ones share one resource policy, which has a limit.
  # https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
  name              = "/aws/vendedlogs/states/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.log_kms_key_arn
}
