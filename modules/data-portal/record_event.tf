# Whatever is said in the mesh, and how each workflow of central fares → the timeline.

locals {
  record_event = "${local.name}-record-event"
}

# 1. Patterns and targets

module "record_event" {
  source = "../event-subscription"

  name             = local.record_event
  account_id       = var.account_id
  alarm_topic_arns = var.alarm_topic_arns
  description      = "Writes every event of the mesh into the timeline."
  event_bus_name   = var.event_bus_name
  event_pattern    = jsonencode({ source = ["datamesh.central", "datamesh.domain"] })
  target           = { lambda = { arn = module.record_event_function.alias_arn } }
}

module "record_execution" {
  source = "../event-subscription"

  name             = "${local.name}-record-execution"
  account_id       = var.account_id
  alarm_topic_arns = var.alarm_topic_arns
  description      = "Writes how the workflows of central fare into the timeline."
  event_bus_name   = "default" # where AWS services publish
  event_pattern = jsonencode({
    source      = ["aws.states"]
    detail-type = ["Step Functions Execution Status Change"]
    detail      = { stateMachineArn = [{ prefix = "${local.arn.state_machine}-" }] }
  })
  target = { lambda = { arn = module.record_event_function.alias_arn } }
}

# 2. Function

module "record_event_function" {
  source = "../lambda-function"

  name                  = local.record_event
  alarm_topic_arns      = var.alarm_topic_arns
  description           = "Writes events and executions into the timeline."
  failure_queue_enabled = true
  handler               = "datamesh.handlers.record_event.handler"
  log_retention_days    = var.log_retention_days
  package               = var.lambda_package
  timeout               = 60

  environment = merge(local.environment, local.timeline_environment, {
    POWERTOOLS_SERVICE_NAME = "record_event"
    REGISTRY_TABLE          = var.registry_table_name
    STATE_MACHINE_PREFIX    = "${local.central}-"
  })

  # 3. What it may do, in the order in which it does it
  statements = [
    {
      # Which domain an account is; nothing of products, requests and grants.
      sid       = "KnowWhoSpeaks"
      actions   = ["dynamodb:GetItem"]
      resources = [local.arn.registry]
      conditions = [
        { test = "ForAllValues:StringLike", variable = "dynamodb:LeadingKeys", values = ["ACCOUNT#*"] },
      ]
    },
    {
      sid       = "Record"
      actions   = ["dynamodb:GetItem", "dynamodb:PutItem"]
      resources = [local.arn.timeline]
    },
  ]
}
