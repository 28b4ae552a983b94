# The search index: one file in a bucket, which whoever searches reads whole. In larger meshes an OpenSearch domain of the
# caller's takes its place; the bucket stays, empty.

locals {
  search_bucket = "${local.name}-search-${var.account_id}-${local.region}"
  search_key    = "search/index.sqlite"

  search_environment = {
    SEARCH_BUCKET   = aws_s3_bucket.search.bucket
    SEARCH_ENDPOINT = var.open_search == null ? "" : var.open_search.endpoint
    SEARCH_KEY      = local.search_key
  }

  # Who searches, and who writes. Nobody lists the bucket, so a file that is not there yet reads as refused (403).
  search_reading_statements = [
    for domain in [var.open_search] : (
      domain == null
      ? { sid = "ReadSearchIndex", actions = ["s3:GetObject"], resources = [local.arn.search_index] }
      : { sid = "Search", actions = ["es:ESHttpGet", "es:ESHttpPost"], resources = ["${domain.domain_arn}/*"] }
    )
  ]
  search_writing_statements = [
    for domain in [var.open_search] : (
      domain == null
      ? { sid = "WriteSearchIndex", actions = ["s3:GetObject", "s3:PutObject"], resources = [local.arn.search_index] }
      : {
        sid       = "WriteSearchIndex"
        actions   = ["es:ESHttpDelete", "es:ESHttpGet", "es:ESHttpHead", "es:ESHttpPost", "es:ESHttpPut"]
        resources = ["${domain.domain_arn}/*"]
      }
    )
  ]
}

resource "aws_s3_bucket" "search" {
  #checkov:skip=CKV2_AWS_62:nobody acts on a new index
  #checkov:skip=CKV_AWS_144:the index is made anew from the registry
  #checkov:skip=CKV_AWS_145:S3's own key is enough: the index holds names and descriptions, and two functions' roles reach it
  #checkov:skip=CKV_AWS_18:two functions read and write it, and the traces of both say when
  bucket        = local.search_bucket
  force_destroy = true # the registry holds all of it
}

resource "aws_s3_bucket_public_access_block" "search" {
  bucket                  = aws_s3_bucket.search.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "search" {
  bucket = aws_s3_bucket.search.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "search" {
  bucket = aws_s3_bucket.search.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "search" {
  bucket = aws_s3_bucket.search.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

# Every change writes the file anew.
resource "aws_s3_bucket_lifecycle_configuration" "search" {
  bucket = aws_s3_bucket.search.id

  rule {
    id     = "clean-up"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }

    noncurrent_version_expiration {
      newer_noncurrent_versions = 5
      noncurrent_days           = 7
    }
  }

  # S3 takes rules about noncurrent versions only when there can be any.
  depends_on = [aws_s3_bucket_versioning.search]
}

data "aws_iam_policy_document" "search" {
  statement {
    sid       = "DenyInsecureTransport"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.search.arn, "${aws_s3_bucket.search.arn}/*"]

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
}

resource "aws_s3_bucket_policy" "search" {
  bucket = aws_s3_bucket.search.id
  policy = data.aws_iam_policy_document.search.json

  # S3 does not take two changes of these at the same time.
  depends_on = [aws_s3_bucket_public_access_block.search]
}
