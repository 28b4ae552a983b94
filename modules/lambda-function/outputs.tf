output "alias_arn" {
  description = "ARN of the alias live: what state machines and rules invoke."
  value       = aws_lambda_alias.live.arn
  depends_on  = [aws_iam_role_policy.this]
}

output "alias_name" {
  description = "Name of the alias."
  value       = aws_lambda_alias.live.name
}

output "environment" {
  description = "Environment variables of the function."
  value       = var.environment
}

output "failure_queue_arn" {
  description = "ARN of the queue for events that the function failed on, null when there is none."
  value       = one(module.failure_queue[*].arn)
}

output "function_arn" {
  description = "ARN of the function without a version or alias."
  value       = aws_lambda_function.this.arn
}

output "function_name" {
  description = "Name of the function."
  value       = aws_lambda_function.this.function_name
}

output "log_group_name" {
  description = "Name of the function's log group."
  value       = aws_cloudwatch_log_group.this.name
}

output "role_arn" {
  description = "ARN of the function's role."
  value       = aws_iam_role.this.arn
}

output "role_name" {
  description = "Name of the function's role."
  value       = aws_iam_role.this.name
}
