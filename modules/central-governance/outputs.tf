output "approval_topic_arn" {
  description = "ARN of the topic over which central mails the approval policy's own groups."
  value       = aws_sns_topic.approvals.arn
}

output "approval_url" {
  description = "Where central's own pages are, to which approval links lead unless approval_link_base_url says otherwise; a ticketing system posts to <approval_url>/webhook."
  value       = local.approval_base_url
}

output "data_addresses" {
  description = "Addresses, inside this module, of what holds data; empty when a destroy may delete it."
  value       = var.deletion_protection ? ["aws_dynamodb_table.ledger", "aws_dynamodb_table.registry"] : []
}

output "event_bus_arn" {
  description = "ARN of central's event bus, known as soon as the domains may send to it."
  value       = module.event_bus.arn
}

output "event_bus_name" {
  description = "Name of central's event bus."
  value       = module.event_bus.name
}

output "function_role_arns" {
  description = "ARNs of the functions' roles, {FLOW => ARN}."
  value = {
    decide_approval           = module.decide_approval_function.role_arn
    deregister_data_domain    = module.deregister_data_domain_function.role_arn
    deregister_data_product   = module.deregister_data_product_function.role_arn
    index_data_product        = module.index_data_product_function.role_arn
    manage_data_lake_settings = module.lake_formation_settings.role_arn
    manage_lf_tags            = module.manage_lf_tags_function.role_arn
    reconcile_access          = module.reconcile_access_function.role_arn
    register_data_domain      = module.register_data_domain_function.role_arn
    register_data_product     = module.register_data_product_function.role_arn
    report_workflow_failure   = module.report_workflow_failure_function.role_arn
    revoke_access             = module.revoke_access_function.role_arn
    send_notification         = module.send_notification_function.role_arn
    share_data_product        = module.share_data_product_function.role_arn
  }
}

output "lake_access_role_arn" {
  description = "ARN of the role that Lake Formation reads the domains' data with."
  value       = aws_iam_role.lake_access.arn
}

output "ledger_table_name" {
  description = "Name of the ledger: what was asked, decided, granted and taken back."
  value       = aws_dynamodb_table.ledger.name
}

output "notifications_dead_letter_queue_arn" {
  description = "ARN of the queue for notifications that no channel took."
  value       = module.notifications_dead_letter_queue.arn
}

output "notifications_queue_url" {
  description = "URL of the outbox, the queue of what people are to be told."
  value       = aws_sqs_queue.notifications.url
}

output "registry_listing_index_arn" {
  description = "ARN of the registry's index `listing`, for functions that list domains, requests and grants."
  value       = local.arn.registry_index

  depends_on = [aws_dynamodb_table.registry]
}

output "registry_table_arn" {
  description = "ARN of the registry."
  value       = local.arn.registry

  depends_on = [aws_dynamodb_table.registry]
}

output "registry_table_name" {
  description = "Name of the registry, the mesh's store of truth."
  value       = aws_dynamodb_table.registry.name
}

output "routing_dead_letter_queue_arn" {
  description = "ARN of the queue for events that could not be handed on to a domain."
  value       = module.routing_dead_letter_queue.arn
}

output "routing_role_arn" {
  description = "ARN of the role that hands events on to the domains' buses."
  value       = aws_iam_role.routing.arn
}

output "state_machine_arns" {
  description = "ARNs of the workflows, {FLOW => ARN}."
  value = {
    deregister_data_domain  = module.deregister_data_domain.state_machine_arn
    deregister_data_product = module.deregister_data_product.state_machine_arn
    index_data_product      = module.index_data_product.state_machine_arn
    reconcile_access        = module.reconcile_access.state_machine_arn
    register_data_domain    = module.register_data_domain.state_machine_arn
    register_data_product   = module.register_data_product.state_machine_arn
    revoke_access           = module.revoke_access.state_machine_arn
    share_data_product      = module.share_data_product.state_machine_arn
  }
}
