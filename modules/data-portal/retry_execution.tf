# An operator has mended what a workflow failed on → it starts again, with the input that it had. What was done already is
# found done.

locals {
  retry_execution = "${local.name}-retry-execution"

  # 1. What it answers
  retry_execution_routes = [
    "POST /v1/executions/{execution_id}/retry",
  ]
}

# 2. Function

module "retry_execution_function" {
  source = "../lambda-function"

  name               = local.retry_execution
  alarm_topic_arns   = var.alarm_topic_arns
  description        = "Starts failed workflows of central again."
  handler            = "datamesh.handlers.retry_execution.handler"
  log_retention_days = var.log_retention_days
  package            = var.lambda_package
  timeout            = 29 # API Gateway waits for 30 seconds

  environment = merge(local.environment, local.idempotency_environment, {
    POWERTOOLS_SERVICE_NAME = "retry_execution"
    STATE_MACHINE_PREFIX    = "${local.central}-"
  })

  # 3. What it may do, in the order in which it does it
  statements = concat(local.idempotency_statements, [
    {
      sid       = "SeeWhatFailed"
      actions   = ["states:DescribeExecution"]
      resources = [local.arn.executions]
    },
    {
      sid       = "StartItAgain"
      actions   = ["states:StartExecution"]
      resources = ["${local.arn.state_machine}-*"]
    },
  ])
}
