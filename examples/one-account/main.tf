# Central governance and one domain in one account: a mesh to try things out with, before there are accounts to share.
# Both sides keep their own buses, roles and names, so the domain can move to an account of its own later.

provider "aws" {
  region = "eu-west-1"
}

module "central_governance" {
  source = "../../modules/central-governance"

  account_id         = var.account_id
  domain_account_ids = [var.account_id]
  lambda_package     = { path = var.lambda_package_path }
}

module "data_domain" {
  source = "../../modules/data-domain"

  account_id      = var.account_id
  central         = { account_id = var.account_id }
  data_principals = var.analyst_role_arns
  domain          = "platform"
  lambda_package  = { path = var.lambda_package_path }

  # One bucket is enough here.
  layers   = { lake = {} }
  products = { layer = "lake" }
}
