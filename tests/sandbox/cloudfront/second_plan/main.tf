# What a portal needs of AWS: people who sign in, an API that knows them, and a site in front of both.
terraform {
  required_providers { aws = { source = "hashicorp/aws", version = "5.100.0" } }
}
provider "aws" {
  region                      = "eu-west-1"
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
}

# --- People -----------------------------------------------------------------------------------------------------------
resource "aws_cognito_user_pool" "people" {
  name                     = "portal"
  username_attributes      = ["email"]
  auto_verified_attributes = ["email"]
  mfa_configuration        = "OPTIONAL"
  deletion_protection      = "INACTIVE"
  user_pool_tier           = "ESSENTIALS"
  admin_create_user_config { allow_admin_create_user_only = true }
  software_token_mfa_configuration { enabled = true }
  account_recovery_setting {
    recovery_mechanism {
      name     = "verified_email"
      priority = 1
    }
  }
  password_policy {
    minimum_length                   = 14
    require_lowercase                = true
    require_uppercase                = true
    require_numbers                  = true
    require_symbols                  = false
    temporary_password_validity_days = 3
  }
  schema {
    name                = "email"
    attribute_data_type = "String"
    required            = true
    mutable             = true
    string_attribute_constraints {
      min_length = 3
      max_length = 254
    }
  }
  user_attribute_update_settings { attributes_require_verification_before_update = ["email"] }
  username_configuration { case_sensitive = false }
  tags = { mesh = "yes" }
}
resource "aws_cognito_user_pool_client" "portal" {
  name                                 = "portal"
  user_pool_id                         = aws_cognito_user_pool.people.id
  generate_secret                      = false
  explicit_auth_flows                  = ["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
  prevent_user_existence_errors        = "ENABLED"
  enable_token_revocation              = true
  allowed_oauth_flows_user_pool_client = false
  read_attributes                      = ["email", "email_verified", "name"]
  write_attributes                     = ["name"]
  access_token_validity                = 15
  id_token_validity                    = 15
  refresh_token_validity               = 12
  token_validity_units {
    access_token  = "minutes"
    id_token      = "minutes"
    refresh_token = "hours"
  }
}
resource "aws_cognito_user_group" "groups" {
  for_each     = toset(["mesh.admin", "mesh.auditor", "mesh.operator"])
  name         = each.key
  user_pool_id = aws_cognito_user_pool.people.id
  description  = "Members of ${each.key}"
}

# --- The API ----------------------------------------------------------------------------------------------------------
resource "aws_apigatewayv2_api" "api" {
  name          = "portal"
  protocol_type = "HTTP"
  description   = "What the portal and the command line speak to"
  cors_configuration {
    allow_origins  = ["https://portal.example.com"]
    allow_methods  = ["DELETE", "GET", "POST", "PUT"]
    allow_headers  = ["authorization", "content-type", "idempotency-key"]
    expose_headers = ["retry-after"]
    max_age        = 300
  }
  tags = { mesh = "yes" }
}
resource "aws_apigatewayv2_authorizer" "jwt" {
  api_id           = aws_apigatewayv2_api.api.id
  name             = "portal"
  authorizer_type  = "JWT"
  identity_sources = ["$request.header.Authorization"]
  jwt_configuration {
    issuer   = "https://${aws_cognito_user_pool.people.endpoint}"
    audience = [aws_cognito_user_pool_client.portal.id]
  }
}
resource "aws_apigatewayv2_integration" "me" {
  api_id                 = aws_apigatewayv2_api.api.id
  integration_type       = "AWS_PROXY"
  integration_uri        = "arn:aws:lambda:eu-west-1:111111111111:function:echo"
  payload_format_version = "2.0"
  timeout_milliseconds   = 29000
}
resource "aws_apigatewayv2_route" "me" {
  api_id             = aws_apigatewayv2_api.api.id
  route_key          = "GET /v1/me"
  target             = "integrations/${aws_apigatewayv2_integration.me.id}"
  authorization_type = "JWT"
  authorizer_id      = aws_apigatewayv2_authorizer.jwt.id
}
resource "aws_apigatewayv2_route" "open" {
  api_id    = aws_apigatewayv2_api.api.id
  route_key = "ANY /open/{proxy+}"
  target    = "integrations/${aws_apigatewayv2_integration.me.id}"
}
resource "aws_cloudwatch_log_group" "api" { name = "/aws/apigateway/portal" }
resource "aws_apigatewayv2_stage" "default" {
  api_id      = aws_apigatewayv2_api.api.id
  name        = "$default"
  auto_deploy = true
  default_route_settings {
    throttling_burst_limit   = 100
    throttling_rate_limit    = 50
    detailed_metrics_enabled = true
  }
  route_settings {
    route_key              = aws_apigatewayv2_route.me.route_key
    throttling_burst_limit = 5
    throttling_rate_limit  = 1
  }
  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.api.arn
    format          = jsonencode({ requestId = "$context.requestId", status = "$context.status" })
  }
}
resource "aws_lambda_permission" "api" {
  statement_id  = "api"
  action        = "lambda:InvokeFunction"
  function_name = "echo"
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.api.execution_arn}/*/*/*"
}

# --- The site ---------------------------------------------------------------------------------------------------------
resource "aws_s3_bucket" "site" {
  bucket        = "portal-site-111111111111"
  force_destroy = true
}
resource "aws_s3_bucket_public_access_block" "site" {
  bucket                  = aws_s3_bucket.site.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}
resource "aws_s3_object" "index" {
  bucket        = aws_s3_bucket.site.id
  key           = "index.html"
  content       = "<!doctype html><title>Portal</title>"
  content_type  = "text/html; charset=utf-8"
  cache_control = "no-cache"
}
resource "aws_s3_object" "config" {
  bucket       = aws_s3_bucket.site.id
  key          = "config.json"
  content      = jsonencode({ user_pool_id = aws_cognito_user_pool.people.id })
  content_type = "application/json"
}
resource "aws_cloudfront_origin_access_control" "site" {
  name                              = "portal"
  description                       = "The distribution signs what it asks of the bucket"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}
resource "aws_cloudfront_response_headers_policy" "strict" {
  name    = "portal"
  comment = "Nothing from elsewhere"
  security_headers_config {
    content_security_policy {
      content_security_policy = "default-src 'none'; script-src 'self'"
      override                = true
    }
    content_type_options { override = true }
    frame_options {
      frame_option = "DENY"
      override     = true
    }
    referrer_policy {
      referrer_policy = "no-referrer"
      override        = true
    }
    strict_transport_security {
      access_control_max_age_sec = 63072000
      include_subdomains         = true
      preload                    = true
      override                   = true
    }
  }
  custom_headers_config {
    items {
      header   = "permissions-policy"
      value    = "camera=(), microphone=()"
      override = true
    }
    items {
      header   = "cross-origin-opener-policy"
      value    = "same-origin"
      override = true
    }
  }
  remove_headers_config {
    items { header = "server" }
  }
}
resource "aws_cloudfront_response_headers_policy" "plain" {
  name = "plain"
  security_headers_config {
    content_type_options { override = true }
  }
}
resource "aws_cloudfront_function" "pages" {
  name    = "portal-pages"
  runtime = "cloudfront-js-2.0"
  comment = "The site's own pages are all index.html"
  publish = true
  code    = <<-JS
    function handler(event) {
      const request = event.request;
      if (!request.uri.includes('.')) { request.uri = '/index.html'; }
      return request;
    }
  JS
}
data "aws_cloudfront_cache_policy" "disabled" { name = "Managed-CachingDisabled" }
data "aws_cloudfront_cache_policy" "optimized" { name = "Managed-CachingOptimized" }
data "aws_cloudfront_origin_request_policy" "viewer" { name = "Managed-AllViewerExceptHostHeader" }
data "aws_cloudfront_response_headers_policy" "managed" { name = "Managed-SecurityHeadersPolicy" }
resource "aws_cloudfront_distribution" "portal" {
  enabled             = true
  is_ipv6_enabled     = true
  comment             = "portal"
  default_root_object = "index.html"
  price_class         = "PriceClass_100"
  http_version        = "http2and3"
  origin {
    origin_id                = "site"
    domain_name              = aws_s3_bucket.site.bucket_regional_domain_name
    origin_access_control_id = aws_cloudfront_origin_access_control.site.id
  }
  origin {
    origin_id   = "api"
    domain_name = trimprefix(aws_apigatewayv2_api.api.api_endpoint, "https://")
    custom_origin_config {
      http_port              = 80
      https_port             = 443
      origin_protocol_policy = "https-only"
      origin_ssl_protocols   = ["TLSv1.2"]
    }
  }
  default_cache_behavior {
    target_origin_id           = "site"
    allowed_methods            = ["GET", "HEAD"]
    cached_methods             = ["GET", "HEAD"]
    compress                   = true
    viewer_protocol_policy     = "redirect-to-https"
    cache_policy_id            = data.aws_cloudfront_cache_policy.optimized.id
    response_headers_policy_id = aws_cloudfront_response_headers_policy.strict.id
    function_association {
      event_type   = "viewer-request"
      function_arn = aws_cloudfront_function.pages.arn
    }
  }
  ordered_cache_behavior {
    path_pattern               = "/v1/*"
    target_origin_id           = "api"
    allowed_methods            = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
    cached_methods             = ["GET", "HEAD"]
    viewer_protocol_policy     = "https-only"
    cache_policy_id            = data.aws_cloudfront_cache_policy.disabled.id
    origin_request_policy_id   = data.aws_cloudfront_origin_request_policy.viewer.id
    response_headers_policy_id = data.aws_cloudfront_response_headers_policy.managed.id
  }
  custom_error_response {
    error_code         = 404
    response_code      = 200
    response_page_path = "/index.html"
  }
  # The provider waits half a minute before it looks the first time.
  wait_for_deployment = false
  restrictions {
    geo_restriction { restriction_type = "none" }
  }
  viewer_certificate { cloudfront_default_certificate = true }
  tags = { mesh = "yes" }
}
resource "aws_s3_bucket_policy" "site" {
  bucket = aws_s3_bucket.site.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "AllowDistribution"
      Effect    = "Allow"
      Principal = { Service = "cloudfront.amazonaws.com" }
      Action    = "s3:GetObject"
      Resource  = "${aws_s3_bucket.site.arn}/*"
      Condition = { StringEquals = { "AWS:SourceArn" = aws_cloudfront_distribution.portal.arn } }
    }]
  })
}

output "site" { value = "https://${aws_cloudfront_distribution.portal.domain_name}" }
output "api" { value = aws_apigatewayv2_api.api.api_endpoint }
output "endpoint" { value = aws_cognito_user_pool.people.endpoint }
output "pool" { value = aws_cognito_user_pool.people.id }
output "client" { value = aws_cognito_user_pool_client.portal.id }
