# The search index: one file in a bucket, which whoever searches reads whole. In larger meshes an OpenSearch domain of the
# caller's takes its place; the bucket stays, empty.

locals {
  search_bucket = "${local.name}-search-${var.account_id}-${local.region}"
  search_key    = "search/index.sqlite.gz"

  search_environment = {
    SEARCH_BUCKET   = aws_s3_bucket.search.bucket
    SEARCH_ENDPOINT = var.open_search == null ? "" : var.open_search.endpoint
    SEARCH_KEY      = local.search_key
  }

  # Who may list the bucket is told that a file is not there yet, instead of being refused (403).
  # https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
  search_reading_statements = var.open_search == null ? [
    merge(local._search_file, { sid = "ReadSearchIndex", actions = ["s3:GetObject"] }),
    local._search_bucket,
    ] : [
    merge(local._search_domain, { sid = "Search", actions = ["es:ESHttpGet", "es:ESHttpPost"] }),
  ]
  search_writing_statements = var.open_search == null ? [
    merge(local._search_file, { sid = "WriteSearchIndex", actions = ["s3:GetObject", "s3:PutObject"] }),
    local._search_bucket,
    ] : [
    merge(local._search_domain, {
      sid     = "WriteSearchIndex"
      actions = ["es:ESHttpDelete", "es:ESHttpGet", "es:ESHttpHead", "es:ESHttpPost", "es:ESHttpPut"]
    }),
  ]

  # The name of a bucket says nothing of whose it is.
  _in_this_account = [{ test = "StringEquals", variable = "aws:ResourceAccount", values = [var.account_id] }]
  _search_bucket = {
    sid        = "SeeThatThereIsNone"
    actions    = ["s3:ListBucket"]
    resources  = [local.arn.search_bucket]
    conditions = local._in_this_account
  }
  _search_domain = { resources = [for domain in var.open_search[*] : "${domain.domain_arn}/*"], conditions = local._in_this_account }
  _search_file   = { resources = [local.arn.search_index], conditions = local._in_this_account }
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
