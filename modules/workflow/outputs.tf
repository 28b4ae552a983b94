output "dead_letter_queue_arn" {
  description = "ARN of the queue for events that could not start the workflow."
  value       = module.trigger.dead_letter_queue_arn
}

output "log_group_name" {
  description = "Name of the state machine's log group."
  value       = aws_cloudwatch_log_group.this.name
}

output "role_arn" {
  description = "ARN of the state machine's role."
  value       = aws_iam_role.workflow.arn
}

output "rule_arn" {
  description = "ARN of the rule that starts the workflow."
  value       = module.trigger.rule_arn
}

output "rule_name" {
  description = "Name of the rule that starts the workflow."
  value       = module.trigger.rule_name
}

output "state_machine_arn" {
  description = "ARN of the state machine."
  value       = aws_sfn_state_machine.this.arn
}

output "state_machine_name" {
  description = "Name of the state machine."
  value       = aws_sfn_state_machine.this.name
}
