output "config_secret_arn" {
  description = "What RegisterDataDomain carries."
  value       = module.data_domain.config_secret_arn
}

output "event_bus_name" {
  description = "Where commands go."
  value       = module.data_domain.event_bus_name
}
