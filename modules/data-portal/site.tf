# What the browser loads: the files that `make portal` builds, and what they have to know of this account.

locals {
  assets = var.assets_path == null ? toset([]) : fileset(var.assets_path, "**")

  content_types = {
    css         = "text/css; charset=utf-8"
    html        = "text/html; charset=utf-8"
    ico         = "image/vnd.microsoft.icon"
    js          = "text/javascript; charset=utf-8"
    json        = "application/json"
    map         = "application/json"
    png         = "image/png"
    svg         = "image/svg+xml"
    txt         = "text/plain; charset=utf-8"
    webmanifest = "application/manifest+json"
    woff        = "font/woff"
    woff2       = "font/woff2"
  }

  # Files below assets/ have a hash in their name and never change; all others may be others tomorrow.
  immutable  = "public, max-age=31536000, immutable"
  revalidate = "no-cache"
}

resource "aws_s3_object" "asset" {
  for_each = local.assets

  bucket        = aws_s3_bucket.site.id
  key           = each.value
  source        = "${var.assets_path}/${each.value}"
  source_hash   = filemd5("${var.assets_path}/${each.value}")
  cache_control = startswith(each.value, "assets/") ? local.immutable : local.revalidate
  content_type  = lookup(local.content_types, lower(element(split(".", each.value), -1)), "application/octet-stream")

  lifecycle {
    precondition {
      condition     = fileexists("${var.assets_path}/index.html")
      error_message = "assets_path has no index.html: build the portal (make portal) first, or leave assets_path null."
    }
  }

  # Tags of objects are few and cost a request each; and the bucket's encryption and versions come first.
  depends_on = [aws_s3_bucket_server_side_encryption_configuration.site, aws_s3_bucket_versioning.site]
}

# Read by the pages when they start (portal/src), so that one build serves every account. Nothing in it is a secret.
resource "aws_s3_object" "config" {
  bucket        = aws_s3_bucket.site.id
  key           = "config.json"
  cache_control = local.revalidate
  content_type  = local.content_types.json

  content = jsonencode({
    api_url          = "" # the page's own address
    client_id        = aws_cognito_user_pool_client.portal.id
    cognito_endpoint = local.cognito_endpoint
    prefix           = var.prefix
    region           = local.region
    user_pool_id     = aws_cognito_user_pool.this.id
  })

  depends_on = [aws_s3_bucket_server_side_encryption_configuration.site, aws_s3_bucket_versioning.site]
}
