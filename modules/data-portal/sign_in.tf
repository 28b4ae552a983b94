# Who may sign in, and as what: a user pool, and a group for every role. A person's roles are its groups, and its address
# is its identity, so people neither sign themselves up nor change their address: administrators do both.

locals {
  # The roles that the API knows (datamesh/models/api/identity.py), and what they are for.
  domain_roles = {
    member  = "sees what concerns the domain and asks for access in its name"
    owner   = "registers and ends the domain's products, and revokes access to them"
    steward = "sees the domain's part of the ledger, and revokes access to its products"
  }
  mesh_roles = {
    admin    = "may do whatever a route lets anybody do"
    auditor  = "sees everything, the whole ledger too"
    operator = "sees everything but the ledger, and starts failed workflows again"
  }

  groups = merge(
    { for role, what in local.mesh_roles : "mesh.${role}" => "Of the whole mesh: ${what}." },
    merge([
      for domain in var.domains : { for role, what in local.domain_roles : "${domain}.${role}" => "Of the domain ${domain}: ${what}." }
    ]...),
  )

  # Where browsers sign in.
  cognito_endpoint = (
    var.cognito_endpoint == null
    ? "https://cognito-idp.${local.region}.${local.dns_suffix}"
    : var.cognito_endpoint
  )
}

# 1. People

resource "aws_cognito_user_pool" "this" {
  name                     = local.name
  auto_verified_attributes = ["email"]
  deletion_protection      = var.deletion_protection ? "ACTIVE" : "INACTIVE"
  mfa_configuration        = var.mfa
  user_pool_tier           = var.threat_protection == "OFF" ? "ESSENTIALS" : "PLUS"
  username_attributes      = ["email"]

  account_recovery_setting {
    recovery_mechanism {
      name     = "verified_email"
      priority = 1
    }
  }

  admin_create_user_config {
    allow_admin_create_user_only = true

    invite_message_template {
      email_subject = "Your access to the data mesh"
      email_message = "Sign in at ${local.portal_url} as {username} with the temporary password {####} and choose one of your own."
    }
  }

  password_policy {
    minimum_length                   = 14
    password_history_size            = 5
    require_lowercase                = true
    require_numbers                  = true
    require_symbols                  = true
    require_uppercase                = true
    temporary_password_validity_days = 3
  }

  dynamic "software_token_mfa_configuration" {
    for_each = var.mfa == "OFF" ? [] : ["on"]

    content {
      enabled = true
    }
  }

  dynamic "user_pool_add_ons" {
    for_each = var.threat_protection == "OFF" ? [] : [var.threat_protection]

    content {
      advanced_security_mode = user_pool_add_ons.value
    }
  }

  # A new address counts once its owner has confirmed it.
  user_attribute_update_settings {
    attributes_require_verification_before_update = ["email"]
  }

  username_configuration {
    case_sensitive = false
  }
}

# 2. Roles

resource "aws_cognito_user_group" "this" {
  for_each = local.groups

  name         = each.key
  description  = each.value
  user_pool_id = aws_cognito_user_pool.this.id
}

# 3. The portal and the CLI, which keep no secret and never send a password: they prove that they know it (SRP).

resource "aws_cognito_user_pool_client" "portal" {
  name         = local.name
  user_pool_id = aws_cognito_user_pool.this.id

  access_token_validity         = 1
  auth_session_validity         = 5
  enable_token_revocation       = true
  explicit_auth_flows           = ["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"]
  generate_secret               = false
  id_token_validity             = 1
  prevent_user_existence_errors = "ENABLED"
  read_attributes               = ["email", "email_verified", "name"]
  refresh_token_validity        = var.session_hours
  supported_identity_providers  = ["COGNITO"]
  # Not the address: it says on whose behalf requests and votes are made.
  write_attributes = ["name"]

  token_validity_units {
    access_token  = "hours"
    id_token      = "hours"
    refresh_token = "hours"
  }
}
