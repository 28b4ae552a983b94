# Lake Formation knows one settings object per account and region, and writing it replaces the whole.
# The provider's resource would drop administrators that it was not told of, and reset the cross-account
# version when it is destroyed; the function reads, merges and writes.
module "function" {
  source = "../lambda-function"

  name               = var.name
  alarm_topic_arns   = var.alarm_topic_arns
  description        = "Merges what the mesh needs into the account's Lake Formation settings."
  handler            = "datamesh.handlers.manage_data_lake_settings.handler"
  log_kms_key_arn    = var.log_kms_key_arn
  log_retention_days = var.log_retention_days
  package            = var.package
  # It waits for IAM to tell Lake Formation of new roles, and for other writers.
  timeout = 300

  environment = {
    DATAMESH_ACCOUNT_ID          = var.account_id
    DATAMESH_PREFIX              = var.prefix
    POWERTOOLS_LOG_LEVEL         = var.log_level
    POWERTOOLS_METRICS_NAMESPACE = var.metrics_namespace
    POWERTOOLS_SERVICE_NAME      = "manage_data_lake_settings"
  }

  statements = [
    {
      sid       = "ManageSettings"
      actions   = ["lakeformation:GetDataLakeSettings", "lakeformation:PutDataLakeSettings"]
      resources = ["*"]
      reason    = "Lake Formation has no resources that IAM could name."
    },
  ]
}

# Invoked when the settings are made, when they change and when they are destroyed; the provider adds
# what happens as "tf": {"action": "create"|"update"|"delete", "prev_input": …}.
resource "aws_lambda_invocation" "settings" {
  function_name   = module.function.function_name
  qualifier       = module.function.alias_name
  lifecycle_scope = "CRUD"

  input = jsonencode({
    administrators        = sort(distinct(var.administrators))
    cross_account_version = var.cross_account_version
  })

  depends_on = [module.function]
}
