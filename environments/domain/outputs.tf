output "approval_topic_arn" {
  description = "ARN of the topic over which central mails those who decide on access to the domain's products."
  value       = module.data_domain.approval_topic_arn
}

output "config_secret_arn" {
  description = "ARN of the secret that RegisterDataDomain carries."
  value       = module.data_domain.config_secret_arn
}

output "crawler_role_arn" {
  description = "ARN of the role that the crawlers run with."
  value       = module.data_domain.crawler_role_arn
}

output "data_addresses" {
  description = "Addresses of what holds or protects data; `make destroy` takes them out of the state first. Empty when delete_data is set."
  value       = [for address in module.data_domain.data_addresses : "module.data_domain.${address}"]
}

output "event_bus_arn" {
  description = "ARN of the domain's event bus."
  value       = module.data_domain.event_bus_arn
}

output "event_bus_name" {
  description = "Name of the domain's event bus."
  value       = module.data_domain.event_bus_name
}

output "function_role_arns" {
  description = "ARNs of the functions' roles, {FLOW => ARN}."
  value       = module.data_domain.function_role_arns
}

output "lake" {
  description = "The lake: `buckets` ({LAYER => name}), `kms_key_arn`, and where data products live, `products_bucket` and `products_prefix`."
  value       = module.data_domain.lake
}

output "state_machine_arns" {
  description = "ARNs of the workflows, {FLOW => ARN}."
  value       = module.data_domain.state_machine_arns
}
