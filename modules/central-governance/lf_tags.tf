# The mesh's LF-tags: which keys and values there are. What carries them is up to the domains; the values of the key
# that names a domain come with the domains' registrations.

locals {
  manage_lf_tags = "${local.name}-manage-lf-tags"

  # What every function that checks or sets LF-tags is told.
  lf_tag_environment = {
    DOMAIN_TAG_KEY = var.domain_tag_key
    SENSITIVE_TAGS = jsonencode({ for key, values in var.sensitive_tags : key => sort(values) })
  }
}

# The provider's resource takes a key for its own: it would remove what others added, and delete a key that is in use
# with all that was granted by it, without a word. The function adds, looks who uses what, and only then removes.
module "manage_lf_tags_function" {
  source = "../lambda-function"

  name               = local.manage_lf_tags
  alarm_topic_arns   = var.alarm_topic_arns
  description        = "Adds the LF-tags that the mesh declares, and removes those that it no longer does and nobody uses."
  handler            = "datamesh.handlers.manage_lf_tags.handler"
  log_retention_days = var.log_retention_days
  package            = var.lambda_package
  # It waits for workflows that assign tags or grant by them.
  timeout = 300

  environment = merge(local.environment, {
    POWERTOOLS_SERVICE_NAME = "manage_lf_tags"
    REGISTRY_TABLE          = aws_dynamodb_table.registry.name
  })

  statements = [
    {
      sid       = "WorkOnTagsAlone"
      actions   = ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"]
      resources = [local.arn.registry]
    },
    {
      sid = "ManageTags"
      actions = [
        "lakeformation:CreateLFTag",
        "lakeformation:DeleteLFTag",
        "lakeformation:GetLFTag",
        "lakeformation:ListPermissions",
        "lakeformation:SearchDatabasesByLFTags",
        "lakeformation:SearchTablesByLFTags",
        "lakeformation:UpdateLFTag",
      ]
      resources = ["*"]
      reason    = "Lake Formation has no resource-level permissions."
    },
  ]
}

# Invoked when the tags are made, when they change and when they are destroyed; the provider adds what happens as
# "tf": {"action": "create"|"update"|"delete", "prev_input": …}.
resource "aws_lambda_invocation" "lf_tags" {
  function_name   = module.manage_lf_tags_function.function_name
  qualifier       = module.manage_lf_tags_function.alias_name
  lifecycle_scope = "CRUD"

  input = jsonencode({
    domain_tag_key = var.domain_tag_key
    tags           = { for key, values in var.lf_tags : key => sort(values) }
  })

  # Only an administrator may make LF-tags and see who uses them.
  depends_on = [module.manage_lf_tags_function, module.lake_formation_settings]
}

# Terraform takes an input for applied even when the function refused it, and would never ask again.
# https://github.com/hashicorp/terraform-provider-aws/issues/43447
check "lf_tags_are_as_declared" {
  assert {
    condition     = jsonencode(jsondecode(aws_lambda_invocation.lf_tags.result)) == jsonencode({ tags = { for key, values in var.lf_tags : key => sort(values) } })
    error_message = "The LF-tags are not what lf_tags declares: the last apply was refused because values are in use. Take them out of use and apply with -replace=<module>.aws_lambda_invocation.lf_tags, or declare them again."
  }
}
