# What a function needs besides Lake Formation rights to grant something to another account: Lake Formation makes the
# RAM share, and looks after the catalog's resource policy, with the rights of its caller.
# https://docs.aws.amazon.com/lake-formation/latest/dg/cross-account-prereqs.html

locals {
  cross_account_grant_statements = [
    {
      sid       = "CreateShares"
      actions   = ["ram:CreateResourceShare"]
      resources = ["*"]
      reason    = "A share that does not exist yet has no ARN."
      conditions = [{
        test     = "StringLikeIfExists"
        variable = "ram:RequestedResourceType"
        values   = ["glue:Catalog", "glue:Database", "glue:Table"]
      }]
    },
    {
      sid = "ExtendShares"
      actions = [
        "ram:AssociateResourceShare",
        "ram:DeleteResourceShare",
        "ram:DisassociateResourceShare",
        "ram:UpdateResourceShare",
      ]
      resources = [local.arn.resource_shares]
      conditions = [{
        test     = "StringLike"
        variable = "ram:ResourceShareName"
        values   = ["LakeFormation*"]
      }]
    },
    {
      sid       = "ChooseSharePermissions"
      actions   = ["ram:AssociateResourceSharePermission"]
      resources = [local.arn.resource_shares]
      conditions = [{
        test     = "ArnLike"
        variable = "ram:PermissionArn"
        values   = ["arn:${local.partition}:ram::aws:permission/AWSRAMLFEnabled*"]
      }]
    },
    {
      sid       = "ReadShares"
      actions   = ["ram:Get*", "ram:List*"]
      resources = ["*"]
      reason    = "RAM's reads take no resource; which of them Lake Formation makes is documented only as Get* and List*."
    },
    {
      sid       = "KeepCatalogPolicy"
      actions   = ["glue:DeleteResourcePolicy", "glue:PutResourcePolicy"]
      resources = [local.arn.catalog]
    },
    {
      sid = "ReadOrganization"
      actions = [
        "organizations:DescribeAccount",
        "organizations:DescribeOrganization",
        "organizations:ListAccountsForParent",
        "organizations:ListOrganizationalUnitsForParent",
        "organizations:ListRoots",
      ]
      resources = ["*"]
      reason    = "Lake Formation asks with them whether the grantee is of the same organization; the lists take no resource."
    },
  ]
}
