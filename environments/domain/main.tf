# A domain's account: one workspace per domain, called after it.

module "data_domain" {
  source = "../../modules/data-domain"

  account_id                  = var.account_id
  administrators              = var.administrators
  alarm_topic_arns            = var.alarm_topic_arns
  central                     = { account_id = var.central_account_id }
  config_secret_recovery_days = var.delete_data ? 0 : var.config_secret_recovery_days
  cross_account_version       = var.cross_account_version
  data_deletion_allowed       = var.delete_data
  data_principals             = var.data_principals
  data_stewards               = var.data_stewards
  domain                      = var.domain
  key_deletion_window_days    = var.key_deletion_window_days
  lambda_package              = var.lambda_package
  layers                      = var.layers
  log_level                   = var.log_level
  log_retention_days          = var.log_retention_days
  prefix                      = var.prefix
  product_owners              = var.product_owners
  products                    = var.products
}
