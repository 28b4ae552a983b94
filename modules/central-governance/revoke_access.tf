# RevokeDataProductAccess, ExpireDataProductAccess, DataProductLinkFailed → the access is over and nothing of it is left.

locals {
  revoke_access = "${local.name}-revoke-access"
}

# 1. Pattern and workflow

module "revoke_access" {
  source = "../workflow"

  name               = local.revoke_access
  account_id         = var.account_id
  alarm_topic_arns   = var.alarm_topic_arns
  description        = "Ends an access and takes back everything of it."
  function_arns      = [module.revoke_access_function.alias_arn]
  log_retention_days = var.log_retention_days
  publish_bus_arn    = local.arn.bus

  trigger = {
    event_bus_name = module.event_bus.name
    event_pattern = jsonencode({
      # All fields stand in the alternatives: EventBridge does not take a field both inside and outside $or.
      "$or" = [
        { source = [local.domain_source], detail-type = ["DataProductLinkFailed", "RevokeDataProductAccess"] },
        # Governance, people by the API, and the schedules: from this very account.
        {
          source      = [local.central_source]
          account     = [var.account_id]
          detail-type = ["ExpireDataProductAccess", "RevokeDataProductAccess"]
        },
      ]
    })
  }

  definition = templatefile("${path.module}/revoke_access.asl.json", {
    event_bus_arn = local.arn.bus
    function_arn  = module.revoke_access_function.alias_arn
    partition     = local.partition
  })
}

# 2. Function

module "revoke_access_function" {
  source = "../lambda-function"

  name               = local.revoke_access
  alarm_topic_arns   = var.alarm_topic_arns
  description        = "Takes the end of an access through its steps."
  handler            = "datamesh.handlers.revoke_access.handler"
  log_retention_days = var.log_retention_days
  package            = var.lambda_package
  timeout            = 300

  environment = merge(
    local.environment,
    local.ledger_environment,
    local.outbox_environment,
    local.schedule_environment,
    {
      POWERTOOLS_SERVICE_NAME = "revoke_access"
      REGISTRY_TABLE          = aws_dynamodb_table.registry.name
    },
  )

  # 3. What it may do, in the order in which it does it
  statements = concat(
    [
      {
        sid = "RecordEnd"
        actions = [
          "dynamodb:ConditionCheckItem",
          "dynamodb:DeleteItem",
          "dynamodb:GetItem",
          "dynamodb:PutItem",
          "dynamodb:Query",
          "dynamodb:Scan", # of a tag expression: the databases of all domains
        ]
        resources = [local.arn.registry]
      },
      {
        sid       = "WakeWhoWaits"
        actions   = ["states:SendTaskSuccess"]
        resources = ["${local.arn.state_machine}-share-data-product"]
      },
      {
        sid       = "FindWhatOthersNeed"
        actions   = ["lakeformation:SearchTablesByLFTags"]
        resources = ["*"]
        reason    = "Lake Formation has no resource-level permissions."
      },
      {
        sid = "Revoke"
        actions = [
          "lakeformation:BatchGrantPermissions", # to itself, the right to drop the filters that share_data_product made
          "lakeformation:BatchRevokePermissions",
          "lakeformation:DeleteDataCellsFilter",
          "lakeformation:GetDataCellsFilter",
          "lakeformation:GrantPermissions",
          "lakeformation:ListPermissions",
          "lakeformation:RevokePermissions",
        ]
        resources = ["*"]
        reason    = "Lake Formation has no resource-level permissions."
      },
      {
        sid       = "SeeWhatIsRevoked"
        actions   = ["glue:GetTable"] # by Lake Formation, for whoever revokes
        resources = [local.arn.catalog, local.arn.databases, local.arn.tables]
      },
      {
        sid       = "RemoveSchedules"
        actions   = ["scheduler:DeleteSchedule"]
        resources = [local.arn.schedules]
      },
    ],
    local.ledger_statements,
    local.outbox_statements,
    local.cross_account_grant_statements,
  )
}
