# Copy to central.tfvars, the file of the workspace central.
account_id      = "111122223333"
region          = "eu-west-1"
organization_id = "o-exampleorgid"

# Who administers Lake Formation here besides the mesh: usually the role that runs Terraform.
administrators   = ["arn:aws:iam::111122223333:role/terraform"]
assume_role_arn  = "arn:aws:iam::111122223333:role/terraform"
alarm_topic_arns = ["arn:aws:sns:eu-west-1:111122223333:platform-alarms"]

# What products may carry and consumers may ask for, besides the domain; the first two decide what is sensitive.
lf_tags = {
  classification  = ["public", "internal", "confidential", "restricted"]
  confidentiality = ["non-sensitive", "sensitive"]
  channel         = ["web", "shop"]
}

# The portal with its API: build its pages first (make portal). Leave it out to go without.
portal = {
  assets_path = "../../portal/dist"
  domains     = ["marketing", "sales"]
}

tags = {
  cost-center = "data-platform"
}
