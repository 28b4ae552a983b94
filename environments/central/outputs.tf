output "approval_topic_arn" {
  description = "ARN of the topic over which central mails the approval policy's own groups."
  value       = module.central_governance.approval_topic_arn
}

output "approval_url" {
  description = "Where the links lead by which people decide on requests for access."
  value       = module.central_governance.approval_url
}

output "data_addresses" {
  description = "Addresses of what holds data; `make destroy` takes them out of the state first. Empty when delete_data is set."
  value       = [for address in module.central_governance.data_addresses : "module.central_governance.${address}"]
}

output "event_bus_arn" {
  description = "ARN of central's event bus."
  value       = module.central_governance.event_bus_arn
}

output "event_bus_name" {
  description = "Name of central's event bus."
  value       = module.central_governance.event_bus_name
}

output "function_role_arns" {
  description = "ARNs of the functions' roles, {FLOW => ARN}."
  value       = module.central_governance.function_role_arns
}

output "lake_access_role_arn" {
  description = "ARN of the role that Lake Formation reads the domains' data with."
  value       = module.central_governance.lake_access_role_arn
}

output "ledger_table_name" {
  description = "Name of the ledger: what was asked, decided, granted and taken back."
  value       = module.central_governance.ledger_table_name
}

output "notifications_dead_letter_queue_arn" {
  description = "ARN of the queue for notifications that no channel took."
  value       = module.central_governance.notifications_dead_letter_queue_arn
}

output "notifications_queue_url" {
  description = "URL of the outbox, the queue of what people are to be told."
  value       = module.central_governance.notifications_queue_url
}

output "registry_table_name" {
  description = "Name of the registry, the mesh's store of truth."
  value       = module.central_governance.registry_table_name
}

output "routing_dead_letter_queue_arn" {
  description = "ARN of the queue for events that could not be handed on to a domain."
  value       = module.central_governance.routing_dead_letter_queue_arn
}

output "routing_role_arn" {
  description = "ARN of the role that hands events on to the domains' buses."
  value       = module.central_governance.routing_role_arn
}

output "state_machine_arns" {
  description = "ARNs of the workflows, {FLOW => ARN}."
  value       = module.central_governance.state_machine_arns
}
