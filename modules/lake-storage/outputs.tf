output "access_log_bucket_name" {
  description = "Name of the bucket with the access logs of the other buckets."
  value       = aws_s3_bucket.logs.bucket
}

output "bucket_arns" {
  description = "ARNs of the buckets, {LAYER => ARN}."
  value       = { for layer, bucket in aws_s3_bucket.layer : layer => bucket.arn }
}

output "bucket_names" {
  description = "Names of the buckets, {LAYER => name}."
  value       = { for layer, bucket in aws_s3_bucket.layer : layer => bucket.bucket }
}

output "kms_key_arn" {
  description = "ARN of the key that encrypts the buckets."
  value       = aws_kms_key.lake.arn
}

output "products" {
  description = "Where data products live: `bucket` (its name), `bucket_arn` and `prefix`, known as soon as the bucket's policy lets their readers in."
  value = {
    bucket     = aws_s3_bucket.layer[var.products.layer].bucket
    bucket_arn = aws_s3_bucket.layer[var.products.layer].arn
    prefix     = var.products.prefix
  }
  depends_on = [aws_s3_bucket_policy.layer, aws_s3_bucket_server_side_encryption_configuration.layer]
}

output "retained_addresses" {
  description = "Addresses, inside this module, of what holds or protects data. Unless data may be deleted, take them out of the state before a destroy (terraform state rm '<module address>.<address>'); empty when data may be deleted."
  value       = var.data_deletion_allowed ? [] : local.retained_addresses
}
