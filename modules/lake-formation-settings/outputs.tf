output "administrators" {
  description = "ARNs of the administrators that the mesh needs, known as soon as they are administrators."
  value       = var.administrators
  depends_on  = [aws_lambda_invocation.settings]
}

output "cross_account_version" {
  description = "Cross-account version of Lake Formation, known as soon as it is set."
  value       = var.cross_account_version
  depends_on  = [aws_lambda_invocation.settings]
}

output "environment" {
  description = "Environment variables of the function."
  value       = module.function.environment
}

output "function_arn" {
  description = "ARN of the function's alias."
  value       = module.function.alias_arn
}

output "function_name" {
  description = "Name of the function that manages the settings."
  value       = module.function.function_name
}

output "role_arn" {
  description = "ARN of the function's role."
  value       = module.function.role_arn
}
