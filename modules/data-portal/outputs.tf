output "api_url" {
  description = "Where the API is called without the portal's own address."
  value       = aws_apigatewayv2_api.this.api_endpoint
}

output "approval_link_base_url" {
  description = "Where the portal's pages take approval links: <approval_link_base_url>/<link>?signature=<signature>."
  value       = "${local.portal_url}/approval-links"
}

output "catalog_reader_role_arn" {
  description = "ARN of the role that answers questions about the catalog. It becomes an administrator of Lake Formation to see everything, and may do nothing but read."
  value       = module.answer_query_function.role_arn
}

output "client_id" {
  description = "Id of the app client that the portal and the CLI sign in with."
  value       = aws_cognito_user_pool_client.portal.id
}

output "data_addresses" {
  description = "Addresses, inside this module, of what holds data; empty when a destroy may delete it."
  value = var.deletion_protection ? concat(
    ["aws_cognito_user_pool.this", "aws_dynamodb_table.timeline"],
    [for group in sort(keys(local.groups)) : "aws_cognito_user_group.this[\"${group}\"]"],
  ) : []
}

output "distribution_id" {
  description = "Id of the CloudFront distribution."
  value       = aws_cloudfront_distribution.this.id
}

output "function_role_arns" {
  description = "ARNs of the functions' roles, {FUNCTION => ARN}."
  value = {
    answer_query    = module.answer_query_function.role_arn
    cast_vote       = module.cast_vote_function.role_arn
    index_search    = module.index_search_function.role_arn
    record_event    = module.record_event_function.role_arn
    retry_execution = module.retry_execution_function.role_arn
    send_command    = module.send_command_function.role_arn
  }
}

output "portal_url" {
  description = "Where people open the portal. The API is below it, too (/v1/…)."
  value       = local.portal_url
}

output "search_bucket_name" {
  description = "Name of the bucket with the search index."
  value       = aws_s3_bucket.search.bucket
}

output "site_bucket_name" {
  description = "Name of the bucket with the portal's pages."
  value       = aws_s3_bucket.site.bucket
}

output "timeline_table_name" {
  description = "Name of the table with what happened in the mesh, for people to look at."
  value       = aws_dynamodb_table.timeline.name
}

output "user_pool_id" {
  description = "Id of the user pool; administrators create people in it and put them into groups."
  value       = aws_cognito_user_pool.this.id
}
