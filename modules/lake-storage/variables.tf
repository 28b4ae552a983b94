variable "account_id" {
  description = "Id of the account that owns the lake."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must have 12 digits."
  }
}

variable "name" {
  description = "First part of the buckets' names (<name>-<layer>-<account>-<region>) and of the key's alias (<name>-lake)."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,29}$", var.name))
    error_message = "name must have 2 to 30 lower-case letters, digits or dashes and start with a letter."
  }
}

variable "data_deletion_allowed" {
  description = "Whether destroying the lake may delete data. When false, buckets that hold objects make the destroy fail: take the addresses in the output retained_addresses out of the state first, and they stay."
  type        = bool
  default     = false
  nullable    = false
}

variable "key_deletion_window_days" {
  description = "How many days KMS waits before it deletes the key of a destroyed lake."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.key_deletion_window_days >= 7 && var.key_deletion_window_days <= 30
    error_message = "key_deletion_window_days must be between 7 and 30."
  }
}

variable "key_statements" {
  description = <<-EOT
    Who else may use the key; roles of this account whose own policies allow it need no statement.
    * `actions`: KMS actions, never kms:*.
    * `conditions`: all must hold; each with `test`, `variable` and `values`.
    * `principals`: ARNs of IAM principals.
    * `sid`: statement id, unique in the list.
  EOT
  type = list(object({
    actions = list(string)
    conditions = optional(list(object({
      test     = string
      values   = list(string)
      variable = string
    })), [])
    principals = list(string)
    sid        = string
  }))
  default  = []
  nullable = false

  validation {
    condition     = alltrue([for statement in var.key_statements : can(regex("^[A-Za-z0-9]+$", statement.sid))]) && length(distinct(var.key_statements[*].sid)) == length(var.key_statements)
    error_message = "key_statements must have unique sids of letters and digits."
  }

  validation {
    condition     = alltrue(flatten([for statement in var.key_statements : [for action in statement.actions : can(regex("^kms:[A-Za-z]+[*]?$", action))]]))
    error_message = "key_statements must name KMS actions (kms:Action), never kms:*."
  }

  validation {
    condition     = alltrue(flatten([for statement in var.key_statements : [for arn in statement.principals : can(regex("^arn:[^:*]+:iam::[0-9]{12}:[^*]+$", arn))]]))
    error_message = "key_statements.principals must be ARNs of IAM principals, without wildcards."
  }
}

variable "layers" {
  description = <<-EOT
    The layers of the lake, {NAME => settings}, one bucket each:
    * `infrequent_access_after_days`: when objects move to the infrequent access storage class; null never.
    * `noncurrent_version_days`: how long overwritten and deleted objects can be brought back.
  EOT
  type = map(object({
    infrequent_access_after_days = optional(number)
    noncurrent_version_days      = optional(number, 30)
  }))
  default = {
    clean     = {}
    raw       = {}
    transform = {}
  }
  nullable = false

  validation {
    condition     = length(var.layers) > 0 && alltrue([for layer in keys(var.layers) : can(regex("^[a-z][a-z0-9-]{0,13}$", layer))]) && !contains(keys(var.layers), "logs")
    error_message = "layers must be at least one name of 1 to 14 lower-case letters, digits or dashes that starts with a letter and is not \"logs\"."
  }

  validation {
    condition     = alltrue([for layer in values(var.layers) : layer.noncurrent_version_days >= 1])
    error_message = "layers.noncurrent_version_days must be 1 or more."
  }

  validation {
    condition     = alltrue([for layer in values(var.layers) : try(layer.infrequent_access_after_days >= 30, layer.infrequent_access_after_days == null)])
    error_message = "layers.infrequent_access_after_days must be 30 or more, or null."
  }
}

variable "log_retention_days" {
  description = "How many days the access logs of the buckets are kept."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = var.log_retention_days >= 1
    error_message = "log_retention_days must be 1 or more."
  }
}

variable "product_reader_role_arns" {
  description = "ARNs of the roles, of other accounts, that may read the data products: the lake access role of the central account."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.product_reader_role_arns : can(regex("^arn:[^:*]+:iam::[0-9]{12}:role/[^*]+$", arn))])
    error_message = "product_reader_role_arns must be ARNs of IAM roles, without wildcards."
  }
}

variable "product_verifier_role_arns" {
  description = "ARNs of the roles, of other accounts, that may check that the bucket of the data products exists and whose it is: the role of the function that registers domains in the central account."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.product_verifier_role_arns : can(regex("^arn:[^:*]+:iam::[0-9]{12}:role/[^*]+$", arn))])
    error_message = "product_verifier_role_arns must be ARNs of IAM roles, without wildcards."
  }
}

variable "products" {
  description = <<-EOT
    Where data products live: the only place that the roles in product_reader_role_arns can read.
    * `layer`: one of the layers.
    * `prefix`: key prefix in the layer's bucket, with a final slash.
  EOT
  type = object({
    layer  = optional(string, "transform")
    prefix = optional(string, "products/")
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains(keys(var.layers), var.products.layer)
    error_message = "products.layer must be one of the layers."
  }

  validation {
    condition     = can(regex("^([A-Za-z0-9_=.-]+/)+$", var.products.prefix))
    error_message = "products.prefix must be one or more folder names, each with a slash behind it (products/)."
  }
}
