# Data outlives the mesh. S3 refuses to delete a bucket that holds objects, but by then a destroy has
# already taken the bucket's encryption, versioning and policies away. So the destroy must not begin:
# everything that holds or protects data leaves the state first, or deleting data is allowed.
locals {
  # A set of resource types that each layer has one of.
  _layer_types = [
    "aws_s3_bucket",
    "aws_s3_bucket_lifecycle_configuration",
    "aws_s3_bucket_logging",
    "aws_s3_bucket_ownership_controls",
    "aws_s3_bucket_policy",
    "aws_s3_bucket_public_access_block",
    "aws_s3_bucket_server_side_encryption_configuration",
    "aws_s3_bucket_versioning",
  ]

  # The log bucket has no logs and no versions.
  _log_types = setsubtract(local._layer_types, ["aws_s3_bucket_logging", "aws_s3_bucket_versioning"])

  retained_addresses = concat(
    ["aws_kms_alias.lake", "aws_kms_key.lake", "terraform_data.retention"],
    [for type in local._log_types : "${type}.logs"],
    flatten([for type in local._layer_types : [for layer in keys(var.layers) : "${type}.layer[\"${layer}\"]"]]),
  )
}

resource "terraform_data" "retention" {
  input = { data_deletion_allowed = var.data_deletion_allowed }

  # Depends on everything, and so is destroyed before it.
  depends_on = [
    aws_kms_alias.lake,
    aws_s3_bucket_lifecycle_configuration.layer,
    aws_s3_bucket_lifecycle_configuration.logs,
    aws_s3_bucket_logging.layer,
    aws_s3_bucket_ownership_controls.layer,
    aws_s3_bucket_ownership_controls.logs,
    aws_s3_bucket_policy.layer,
    aws_s3_bucket_policy.logs,
    aws_s3_bucket_public_access_block.layer,
    aws_s3_bucket_public_access_block.logs,
    aws_s3_bucket_server_side_encryption_configuration.layer,
    aws_s3_bucket_server_side_encryption_configuration.logs,
    aws_s3_bucket_versioning.layer,
  ]

  provisioner "local-exec" {
    when    = destroy
    command = self.output.data_deletion_allowed ? "exit 0" : "echo 'The lake keeps its data: take the addresses in the output retained_addresses out of the state, or set data_deletion_allowed = true and apply.' >&2; exit 1"
  }
}
