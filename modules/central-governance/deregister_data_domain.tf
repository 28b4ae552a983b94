# DeregisterDataDomain → a domain leaves: its LF-tag value, grants, databases, location and routing rule are gone.

locals {
  deregister_data_domain = "${local.name}-deregister-data-domain"
}

# 1. Pattern and workflow

module "deregister_data_domain" {
  source = "../workflow"

  name               = local.deregister_data_domain
  account_id         = var.account_id
  alarm_topic_arns   = var.alarm_topic_arns
  description        = "Ends a data domain that nothing of is in use any more."
  function_arns      = [module.deregister_data_domain_function.alias_arn]
  log_retention_days = var.log_retention_days
  publish_bus_arn    = local.arn.bus

  trigger = {
    event_bus_name = module.event_bus.name
    event_pattern = jsonencode({
      "$or"       = local.command_senders
      detail-type = ["DeregisterDataDomain"]
    })
  }

  definition = templatefile("${path.module}/deregister_data_domain.asl.json", {
    event_bus_arn = local.arn.bus
    function_arn  = module.deregister_data_domain_function.alias_arn
    partition     = local.partition
  })
}

# 2. Function

module "deregister_data_domain_function" {
  source = "../lambda-function"

  name               = local.deregister_data_domain
  alarm_topic_arns   = var.alarm_topic_arns
  description        = "Takes a DeregisterDataDomain command through its steps."
  handler            = "datamesh.handlers.deregister_data_domain.handler"
  log_retention_days = var.log_retention_days
  package            = var.lambda_package
  timeout            = 300

  environment = merge(local.environment, {
    CATALOG_WRITER_ROLE_ARN = "${local.arn.role}-register-data-product-function"
    DOMAIN_TAG_KEY          = var.domain_tag_key
    EVENT_BUS_NAME          = local.name
    POWERTOOLS_SERVICE_NAME = "deregister_data_domain"
    REGISTRAR_ROLE_ARN      = "${local.arn.role}-register-data-domain-function"
    REGISTRY_TABLE          = aws_dynamodb_table.registry.name
  })

  # 3. What it may do, in the order in which it does it
  statements = concat(
    [
      {
        sid = "RecordDomain"
        actions = [
          "dynamodb:ConditionCheckItem",
          "dynamodb:DeleteItem",
          "dynamodb:GetItem",
          "dynamodb:PutItem",
          "dynamodb:Query",
          "dynamodb:Scan", # for what the domain was granted of all others' products
        ]
        resources = [local.arn.registry]
      },
      {
        sid = "ReleaseTags"
        actions = [
          "lakeformation:AddLFTagsToResource",
          "lakeformation:DeleteLFTag",
          "lakeformation:GetLFTag",
          "lakeformation:GetResourceLFTags",
          "lakeformation:RemoveLFTagsFromResource",
          "lakeformation:UpdateLFTag",
        ]
        resources = ["*"]
        reason    = "Lake Formation has no resource-level permissions."
      },
      {
        sid = "Revoke"
        actions = [
          "lakeformation:BatchGrantPermissions",
          "lakeformation:BatchRevokePermissions",
          "lakeformation:DeregisterResource",
          "lakeformation:GrantPermissions",
          "lakeformation:ListPermissions",
          "lakeformation:RevokePermissions",
        ]
        resources = ["*"]
        reason    = "Lake Formation has no resource-level permissions."
      },
      {
        sid       = "DropDatabases"
        actions   = ["glue:DeleteDatabase", "glue:GetDatabase", "glue:GetTables"]
        resources = [local.arn.catalog, local.arn.databases, local.arn.tables, local.arn.user_functions] # a database goes with all in it
      },
      {
        sid       = "RemoveRoutingRule"
        actions   = ["events:DeleteRule", "events:RemoveTargets"]
        resources = [local.arn.routing_rules]
      },
    ],
    local.cross_account_grant_statements,
  )
}
