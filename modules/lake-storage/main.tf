data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.name

  bucket_names = { for layer in keys(var.layers) : layer => "${var.name}-${layer}-${var.account_id}-${local.region}" }
  log_bucket   = "${var.name}-logs-${var.account_id}-${local.region}"
}

# One bucket for each layer.
resource "aws_s3_bucket" "layer" {
  #checkov:skip=CKV2_AWS_62:Who wants to know about new objects subscribes to them; the mesh acts on its own events.
  #checkov:skip=CKV2_AWS_6:It has; checkov follows for_each to the first bucket only, tests/plan sees all.
  #checkov:skip=CKV2_AWS_61:As CKV2_AWS_6.
  #checkov:skip=CKV_AWS_144:A copy in another region is a decision for the domain, about cost and about where data may be.
  #checkov:skip=CKV_AWS_145:As CKV2_AWS_6.
  #checkov:skip=CKV_AWS_18:As CKV2_AWS_6.
  #checkov:skip=CKV_AWS_21:As CKV2_AWS_6.
  for_each = var.layers

  bucket        = local.bucket_names[each.key]
  force_destroy = var.data_deletion_allowed

  lifecycle {
    precondition {
      condition     = length(local.bucket_names[each.key]) <= 63
      error_message = "The name of the bucket ${local.bucket_names[each.key]} has more than 63 characters: choose a shorter name or layer."
    }
  }

  # Destroyed before the key: a bucket that keeps its objects keeps the key that decrypts them.
  depends_on = [aws_kms_key.lake]
}

resource "aws_s3_bucket_public_access_block" "layer" {
  for_each = aws_s3_bucket.layer

  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "layer" {
  for_each = aws_s3_bucket.layer

  bucket = each.value.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "layer" {
  for_each = aws_s3_bucket.layer

  bucket = each.value.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "layer" {
  for_each = aws_s3_bucket.layer

  bucket = each.value.id

  rule {
    bucket_key_enabled = true # one request to KMS for many objects

    apply_server_side_encryption_by_default {
      kms_master_key_id = aws_kms_key.lake.arn
      sse_algorithm     = "aws:kms"
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "layer" {
  for_each = aws_s3_bucket.layer

  bucket = each.value.id

  rule {
    id     = "clean-up"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }

    expiration {
      expired_object_delete_marker = true
    }

    noncurrent_version_expiration {
      noncurrent_days = var.layers[each.key].noncurrent_version_days
    }
  }

  dynamic "rule" {
    for_each = var.layers[each.key].infrequent_access_after_days[*]

    content {
      id     = "infrequent-access"
      status = "Enabled"

      filter {}

      transition {
        days          = rule.value
        storage_class = "STANDARD_IA"
      }
    }
  }

  # S3 takes rules about noncurrent versions only when there can be any.
  depends_on = [aws_s3_bucket_versioning.layer]
}

resource "aws_s3_bucket_logging" "layer" {
  for_each = aws_s3_bucket.layer

  bucket        = each.value.id
  target_bucket = aws_s3_bucket.logs.id
  target_prefix = "${each.key}/"
}
