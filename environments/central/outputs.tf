output "api_url" {
  description = "Where the API is called without the portal's own address; null without a portal."
  value       = one(module.data_portal[*].api_url)
}

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
  value = concat(
    [for address in module.central_governance.data_addresses : "module.central_governance.${address}"],
    [for address in flatten(module.data_portal[*].data_addresses) : "module.data_portal[0].${address}"],
  )
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
  value       = merge(module.central_governance.function_role_arns, module.data_portal[*].function_role_arns...)
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

output "portal_client_id" {
  description = "Id of the app client that the portal and the CLI sign in with; null without a portal."
  value       = one(module.data_portal[*].client_id)
}

output "portal_distribution_id" {
  description = "Id of the portal's CloudFront distribution; null without a portal."
  value       = one(module.data_portal[*].distribution_id)
}

output "portal_url" {
  description = "Where people open the portal; null without one."
  value       = one(module.data_portal[*].portal_url)
}

output "portal_user_pool_id" {
  description = "Id of the user pool of the portal's people; null without a portal."
  value       = one(module.data_portal[*].user_pool_id)
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

output "timeline_table_name" {
  description = "Name of the table with what happened in the mesh, for people to look at; null without a portal."
  value       = one(module.data_portal[*].timeline_table_name)
}
