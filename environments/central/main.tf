# The central account: one workspace, called central.

module "central_governance" {
  source = "../../modules/central-governance"

  account_id                  = var.account_id
  administrators              = var.administrators
  alarm_topic_arns            = var.alarm_topic_arns
  approval_policy             = var.approval_policy
  approval_webhook_secret_arn = var.approval_webhook_secret_arn
  cross_account_version       = var.cross_account_version
  deletion_protection         = !var.delete_data
  domain_account_ids          = var.domain_account_ids
  domain_tag_key              = var.domain_tag_key
  lambda_package              = var.lambda_package
  lf_tags                     = var.lf_tags
  log_level                   = var.log_level
  log_retention_days          = var.log_retention_days
  notification_channels       = var.notification_channels
  organization_id             = var.organization_id
  prefix                      = var.prefix
  reconcile_heal              = var.reconcile_heal
  reconcile_interval          = var.reconcile_interval
  sensitive_tags              = var.sensitive_tags
}
