output "approval_topic_arn" {
  description = "ARN of the topic over which central mails those who decide on access to the domain's products."
  value       = aws_sns_topic.approvals.arn
}

output "config_secret_arn" {
  description = "ARN of the secret that RegisterDataDomain carries, known as soon as central may read it."
  value       = aws_secretsmanager_secret.config.arn
  depends_on  = [aws_secretsmanager_secret_policy.config, aws_secretsmanager_secret_version.config]
}

output "crawler_role_arn" {
  description = "ARN of the role that the crawlers run with."
  value       = aws_iam_role.crawler.arn
}

output "data_addresses" {
  description = "Addresses, inside this module, of what holds or protects data; empty when a destroy may delete data."
  value       = [for address in module.lake_storage.retained_addresses : "module.lake_storage.${address}"]
}

output "event_bus_arn" {
  description = "ARN of the domain's event bus."
  value       = module.event_bus.arn
}

output "event_bus_name" {
  description = "Name of the domain's event bus."
  value       = module.event_bus.name
}

output "function_role_arns" {
  description = "ARNs of the functions' roles, {FLOW => ARN}."
  value = {
    crawl_data_product        = module.crawl_data_product_function.role_arn
    link_data_product         = module.link_data_product_function.role_arn
    unlink_data_product       = module.unlink_data_product_function.role_arn
    manage_data_lake_settings = module.lake_formation_settings.role_arn
    report_workflow_failure   = module.report_workflow_failure_function.role_arn
  }
}

output "lake" {
  description = "The lake: `buckets` ({LAYER => name}), `kms_key_arn`, and where data products live, `products_bucket` and `products_prefix`."
  value = {
    buckets         = module.lake_storage.bucket_names
    kms_key_arn     = module.lake_storage.kms_key_arn
    products_bucket = module.lake_storage.products.bucket
    products_prefix = module.lake_storage.products.prefix
  }
}

output "state_machine_arns" {
  description = "ARNs of the workflows, {FLOW => ARN}."
  value = {
    crawl_data_product  = module.crawl_data_product.state_machine_arn
    link_data_product   = module.link_data_product.state_machine_arn
    unlink_data_product = module.unlink_data_product.state_machine_arn
  }
}
