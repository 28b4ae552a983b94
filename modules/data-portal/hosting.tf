# One address for pages and API, so that the browser's own rules keep both together: a distribution with two origins. The
# pages lie in a private bucket that this distribution alone reads.

locals {
  # By these ids AWS's own policies are known everywhere; asking for them by name would need an account during the plan.
  # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
  # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html
  cloudfront_policies = {
    all_viewer_except_host_header = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
    caching_disabled              = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    caching_optimized             = "658327ea-f89d-4fab-a63d-7e88639e58f6"
  }

  portal_url = (
    var.custom_domain == null
    ? "https://${aws_cloudfront_distribution.this.domain_name}"
    : "https://${try(var.custom_domain.name, "")}"
  )

  site_bucket = "${local.name}-site-${var.account_id}-${local.region}"
}

# 1. Where the pages lie

resource "aws_s3_bucket" "site" {
  #checkov:skip=CKV2_AWS_61:what lies here is replaced by the next release; versions that are left over are a few files
  #checkov:skip=CKV2_AWS_62:nobody acts on a new page
  #checkov:skip=CKV_AWS_144:the pages are made anew from the repository
  #checkov:skip=CKV_AWS_145:the pages are public; S3's own key lets the distribution read them
  #checkov:skip=CKV_AWS_18:one reader reads it, the distribution; who asked it for what is for nobody to know (see there)
  bucket        = local.site_bucket
  force_destroy = true
}

resource "aws_s3_bucket_public_access_block" "site" {
  bucket                  = aws_s3_bucket.site.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "site" {
  bucket = aws_s3_bucket.site.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "site" {
  bucket = aws_s3_bucket.site.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "site" {
  bucket = aws_s3_bucket.site.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

data "aws_iam_policy_document" "site" {
  statement {
    sid       = "DenyInsecureTransport"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.site.arn, "${aws_s3_bucket.site.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html
  statement {
    sid       = "DistributionReads"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.site.arn}/*"]

    principals {
      type        = "Service"
      identifiers = ["cloudfront.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceArn"
      values   = [aws_cloudfront_distribution.this.arn]
    }
  }
}

resource "aws_s3_bucket_policy" "site" {
  bucket = aws_s3_bucket.site.id
  policy = data.aws_iam_policy_document.site.json

  # S3 does not take two changes of these at the same time.
  depends_on = [aws_s3_bucket_public_access_block.site]
}

# 2. What comes with every answer

resource "aws_cloudfront_response_headers_policy" "this" {
  #checkov:skip=CKV_AWS_259:preload is a promise for a whole domain and all below it, which is its owner's to make
  name    = local.name
  comment = "What browsers let the portal's pages do: talk to their own address and to the sign-in, and nothing else."

  security_headers_config {
    content_security_policy {
      override = true
      content_security_policy = join("; ", [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "connect-src 'self' ${local.cognito_endpoint}",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
      ])
    }

    content_type_options {
      override = true
    }

    # A page's address may be an approval link.
    referrer_policy {
      override        = true
      referrer_policy = "no-referrer"
    }

    strict_transport_security {
      access_control_max_age_sec = 63072000 # two years
      include_subdomains         = true
      override                   = true
    }
  }
}

# 3. Which paths are pages

resource "aws_cloudfront_function" "single_page" {
  name    = "${local.name}-single-page"
  comment = "Answers the portal's own routes with its one document."
  code    = file("${path.module}/single_page.js")
  publish = true
  runtime = "cloudfront-js-2.0"
}

# 4. The address

resource "aws_cloudfront_origin_access_control" "site" {
  name                              = local.name
  description                       = "Signs what the distribution reads from the site's bucket."
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

resource "aws_cloudfront_distribution" "this" {
  #checkov:skip=CKV2_AWS_42:a domain of one's own is the caller's choice (custom_domain)
  #checkov:skip=CKV2_AWS_47:a web ACL is the caller's choice (web_acl_arn); nothing here runs Java
  #checkov:skip=CKV_AWS_174:without a domain of one's own CloudFront sets the minimum; browsers negotiate TLS 1.3 or 1.2
  #checkov:skip=CKV_AWS_310:the pages have one origin, as the API has; CloudFront keeps serving what it has cached
  #checkov:skip=CKV_AWS_374:where people work is the caller's choice (web_acl_arn)
  #checkov:skip=CKV_AWS_68:a web ACL costs by the month and is the caller's choice (web_acl_arn)
  #checkov:skip=CKV_AWS_86:the log would have the addresses of approval links, which are a right to decide; the API has a log of its own
  comment             = "The portal of the data mesh ${var.prefix}."
  aliases             = var.custom_domain == null ? [] : [var.custom_domain.name]
  default_root_object = "index.html"
  enabled             = true
  http_version        = "http2and3"
  is_ipv6_enabled     = true
  price_class         = var.price_class
  wait_for_deployment = false # it takes minutes until all edge locations have it; nothing here needs that
  web_acl_id          = var.web_acl_arn

  origin {
    origin_id                = "site"
    domain_name              = aws_s3_bucket.site.bucket_regional_domain_name
    origin_access_control_id = aws_cloudfront_origin_access_control.site.id
  }

  origin {
    origin_id   = "api"
    domain_name = "${aws_apigatewayv2_api.this.id}.execute-api.${local.region}.${local.dns_suffix}"

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
    cache_policy_id            = local.cloudfront_policies.caching_optimized
    cached_methods             = ["GET", "HEAD"]
    compress                   = true
    response_headers_policy_id = aws_cloudfront_response_headers_policy.this.id
    viewer_protocol_policy     = "redirect-to-https"

    function_association {
      event_type   = "viewer-request"
      function_arn = aws_cloudfront_function.single_page.arn
    }
  }

  ordered_cache_behavior {
    path_pattern               = "/v1/*"
    target_origin_id           = "api"
    allowed_methods            = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
    cache_policy_id            = local.cloudfront_policies.caching_disabled
    cached_methods             = ["GET", "HEAD"]
    compress                   = true
    origin_request_policy_id   = local.cloudfront_policies.all_viewer_except_host_header
    response_headers_policy_id = aws_cloudfront_response_headers_policy.this.id
    viewer_protocol_policy     = "https-only" # a token that came over plain HTTP is lost already
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  viewer_certificate {
    acm_certificate_arn            = try(var.custom_domain.certificate_arn, null)
    cloudfront_default_certificate = var.custom_domain == null
    minimum_protocol_version       = var.custom_domain == null ? "TLSv1" : "TLSv1.2_2021"
    ssl_support_method             = var.custom_domain == null ? null : "sni-only"
  }
}
