# Who administers Lake Formation here: the functions that register, share and tag. What others set up in the account stays.

module "lake_formation_settings" {
  source = "../lake-formation-settings"

  name       = "${local.name}-manage-data-lake-settings"
  account_id = var.account_id
  administrators = concat(
    [
      module.register_data_domain_function.role_arn,
      module.register_data_product_function.role_arn,
      module.share_data_product_function.role_arn,
      module.index_data_product_function.role_arn,
      module.deregister_data_domain_function.role_arn,
      module.deregister_data_product_function.role_arn,
      module.manage_lf_tags_function.role_arn,
      module.revoke_access_function.role_arn,
      module.reconcile_access_function.role_arn,
    ],
    var.administrators,
  )
  alarm_topic_arns      = var.alarm_topic_arns
  cross_account_version = var.cross_account_version
  log_level             = var.log_level
  log_retention_days    = var.log_retention_days
  metrics_namespace     = var.prefix
  package               = var.lambda_package
  prefix                = var.prefix
}
