# A person wants something done → a command on central's bus, in central's name and with the person's address. The flows
# take it as they take a domain's own.

locals {
  send_command = "${local.name}-send-command"

  # 1. What it answers
  send_command_routes = [
    "POST /v1/domains",
    "DELETE /v1/domains/{domain}",
    "POST /v1/domains/{domain}/products",
    "PUT /v1/domains/{domain}/products/{product}",
    "DELETE /v1/domains/{domain}/products/{product}",
    "POST /v1/access-requests",
    "POST /v1/access-requests/{request_id}/cancel",
    "POST /v1/access-requests/{request_id}/extend",
    "POST /v1/access-requests/{request_id}/revoke",
  ]

  # What may be said on a person's behalf.
  send_command_detail_types = [
    "DeregisterDataDomain",
    "DeregisterDataProduct",
    "ExtendDataProductAccess",
    "RegisterDataDomain",
    "RegisterDataProduct",
    "RequestDataProductAccess",
    "RevokeDataProductAccess",
  ]
}

# 2. Function

module "send_command_function" {
  source = "../lambda-function"

  name               = local.send_command
  alarm_topic_arns   = var.alarm_topic_arns
  description        = "Puts the commands of people on the mesh's bus."
  handler            = "datamesh.handlers.send_command.handler"
  log_retention_days = var.log_retention_days
  package            = var.lambda_package
  timeout            = 29 # API Gateway waits for 30 seconds

  environment = merge(local.environment, local.idempotency_environment, {
    EVENT_BUS_NAME          = var.event_bus_name
    POWERTOOLS_SERVICE_NAME = "send_command"
    REGISTRY_TABLE          = var.registry_table_name
    SENSITIVE_TAGS          = jsonencode({ for key, values in var.sensitive_tags : key => sort(values) })
  })

  # 3. What it may do, in the order in which it does it
  statements = concat(local.idempotency_statements, [
    {
      sid       = "KnowWhatIsSpokenOf"
      actions   = ["dynamodb:GetItem", "dynamodb:Query"]
      resources = [local.arn.registry]
    },
    {
      sid       = "SayCommand"
      actions   = ["events:PutEvents"]
      resources = [local.arn.bus]
      conditions = [
        { test = "StringEquals", variable = "events:source", values = ["datamesh.central"] },
        { test = "StringEquals", variable = "events:detail-type", values = local.send_command_detail_types },
      ]
    },
  ])
}
