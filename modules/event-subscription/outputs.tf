output "dead_letter_queue_arn" {
  description = "ARN of the queue for events that could not be delivered."
  value       = module.dead_letter_queue.arn
}

output "role_arn" {
  description = "ARN of the role that EventBridge delivers with, null for a Lambda function, which has a permission instead."
  value       = one(aws_iam_role.events[*].arn)
}

output "rule_arn" {
  description = "ARN of the rule."
  value       = aws_cloudwatch_event_rule.this.arn
}

output "rule_name" {
  description = "Name of the rule."
  value       = aws_cloudwatch_event_rule.this.name
}
