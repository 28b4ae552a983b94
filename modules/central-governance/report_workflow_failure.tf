# A workflow of this account failed → WorkflowFailed on the mesh's bus, for whoever wants to know.

locals {
  report_workflow_failure = "${local.name}-report-workflow-failure"
}

# 1. Pattern and target

module "report_workflow_failure" {
  source = "../event-subscription"

  name             = local.report_workflow_failure
  account_id       = var.account_id
  alarm_topic_arns = var.alarm_topic_arns
  description      = "Reports failed workflows of central governance on its bus."
  event_bus_name   = "default" # where AWS services publish
  event_pattern = jsonencode({
    source      = ["aws.states"]
    detail-type = ["Step Functions Execution Status Change"]
    detail = {
      stateMachineArn = [
        for flow in ["deregister-data-domain", "deregister-data-product", "index-data-product", "reconcile-access", "register-data-domain", "register-data-product", "revoke-access", "share-data-product"] : "${local.arn.state_machine}-${flow}"
      ]
      status = ["ABORTED", "FAILED", "TIMED_OUT"]
    }
  })
  target = { lambda = { arn = module.report_workflow_failure_function.alias_arn } }
}

# 2. Function

module "report_workflow_failure_function" {
  source = "../lambda-function"

  name                  = local.report_workflow_failure
  alarm_topic_arns      = var.alarm_topic_arns
  description           = "Says WorkflowFailed about a failed execution."
  failure_queue_enabled = true
  handler               = "datamesh.handlers.report_workflow_failure.handler"
  log_retention_days    = var.log_retention_days
  memory_size           = 256
  package               = var.lambda_package
  timeout               = 60

  environment = merge(local.environment, {
    EVENT_BUS_NAME          = module.event_bus.name
    EVENT_SOURCE            = "datamesh.central"
    POWERTOOLS_SERVICE_NAME = "report_workflow_failure"
  })

  # 3. What it may do
  statements = [
    {
      sid       = "Report"
      actions   = ["events:PutEvents"]
      resources = [local.arn.bus]
    },
  ]
}
