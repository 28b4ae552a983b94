# The central account: one workspace, called central.

module "central_governance" {
  source = "../../modules/central-governance"

  account_id                  = var.account_id
  administrators              = concat(var.administrators, module.data_portal[*].catalog_reader_role_arn)
  alarm_topic_arns            = var.alarm_topic_arns
  approval_link_base_url      = one(module.data_portal[*].approval_link_base_url)
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

# Each of the two names resources of the other one, and no resource waits for itself in the end: mails need the portal's
# address, the portal's functions need central's tables and bus.
module "data_portal" {
  source = "../../modules/data-portal"
  count  = var.portal == null ? 0 : 1

  account_id          = var.account_id
  alarm_topic_arns    = var.alarm_topic_arns
  allowed_origins     = var.portal.allowed_origins
  assets_path         = var.portal.assets_path
  cognito_endpoint    = var.portal.cognito_endpoint
  custom_domain       = var.portal.custom_domain
  deletion_protection = !var.delete_data
  domain_tag_key      = var.domain_tag_key
  domains             = var.portal.domains
  event_bus_name      = module.central_governance.event_bus_name
  lambda_package      = var.lambda_package
  ledger_table_name   = module.central_governance.ledger_table_name
  log_level           = var.log_level
  log_retention_days  = var.log_retention_days
  mfa                 = var.portal.mfa
  open_search         = var.portal.open_search
  prefix              = var.prefix
  price_class         = var.portal.price_class
  registry_table_name = module.central_governance.registry_table_name
  requests_per_second = var.portal.requests_per_second
  sensitive_tags      = var.sensitive_tags
  session_hours       = var.portal.session_hours
  threat_protection   = var.portal.threat_protection
  timeline_days       = var.portal.timeline_days
  web_acl_arn         = var.portal.web_acl_arn
}
