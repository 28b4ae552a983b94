# The domain's data. It never leaves these buckets: central's lake access role may read the products' prefix, so that
# Lake Formation can hand out access to it, and nothing else.

module "lake_storage" {
  source = "../lake-storage"

  name                       = local.name
  account_id                 = var.account_id
  data_deletion_allowed      = var.data_deletion_allowed
  key_deletion_window_days   = var.key_deletion_window_days
  layers                     = var.layers
  log_retention_days         = var.log_retention_days
  product_reader_role_arns   = [local.central.lake_access_role_arn]
  product_verifier_role_arns = [local.central.register_domain_role_arn]
  products                   = var.products
}
