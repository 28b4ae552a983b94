# DataProductRegistered, DataProductAccessGranted, DataProductTagsChanged → resource links to the shared tables and
# databases, and grants on them to the domain's own principals.

locals {
  link_data_product = "${local.name}-link-data-product"
}

# 1. Pattern and workflow

module "link_data_product" {
  source = "../workflow"

  name               = local.link_data_product
  account_id         = var.account_id
  alarm_topic_arns   = var.alarm_topic_arns
  description        = "Links what central shared into this account's catalog."
  function_arns      = [module.link_data_product_function.alias_arn]
  log_retention_days = var.log_retention_days
  publish_bus_arn    = local.arn.bus

  trigger = {
    event_bus_name = module.event_bus.name
    event_pattern = jsonencode({
      source  = [local.central.source]
      account = [var.central.account_id]
      # detail-type stands in the alternatives alone: EventBridge does not take a field both inside and outside $or.
      "$or" = [
        { detail-type = ["DataProductAccessGranted", "DataProductTagsChanged"] },
        # A product that was registered again without a change has its links already.
        { detail-type = ["DataProductRegistered"], detail = { data = { outcome = ["registered", "updated"] } } },
      ]
    })
  }

  definition = templatefile("${path.module}/link_data_product.asl.json", {
    event_bus_arn = local.arn.bus
    function_arn  = module.link_data_product_function.alias_arn
    partition     = local.partition
  })
}

# 2. Function

module "link_data_product_function" {
  source = "../lambda-function"

  name               = local.link_data_product
  alarm_topic_arns   = var.alarm_topic_arns
  description        = "Takes a shared data product through the steps that link it."
  handler            = "datamesh.handlers.link_data_product.handler"
  log_retention_days = var.log_retention_days
  package            = var.lambda_package
  timeout            = 900

  environment = merge(local.environment, {
    CENTRAL_ACCOUNT_ID      = var.central.account_id
    CRAWLER_ROLE_ARN        = local.arn.crawler_role
    DATA_PRINCIPALS         = jsonencode(sort(distinct(var.data_principals)))
    POWERTOOLS_SERVICE_NAME = "link_data_product"
    SCHEMA_READER_ROLE_ARN  = "${local.arn.role}-crawl-data-product-function"
  })

  # 3. What it may do, in the order in which it does it
  statements = [
    {
      sid       = "AcceptShares"
      actions   = ["ram:AcceptResourceShareInvitation", "ram:GetResourceShareInvitations", "ram:GetResourceShares"]
      resources = ["*"]
      reason    = "An invitation's ARN is central's to choose; the function accepts only the share that central's event names."
    },
    {
      sid       = "SeeSharedTables"
      actions   = ["glue:GetDatabase", "glue:GetTable", "glue:GetTables"]
      resources = local.central_catalog
    },
    {
      sid       = "MakeLinks"
      actions   = ["glue:CreateDatabase", "glue:CreateTable", "glue:GetDatabase", "glue:GetTable", "glue:GetTables"]
      resources = local.own_catalog
    },
    {
      sid       = "Grant"
      actions   = ["lakeformation:BatchGrantPermissions", "lakeformation:GrantPermissions", "lakeformation:ListPermissions"]
      resources = ["*"]
      reason    = "Lake Formation has no resource-level permissions."
    },
  ]
}
