# What every installation decides.

variable "account_id" {
  description = "The account that central governance runs in. Given, not looked up, so that every name and policy is known at plan time."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must be 12 digits."
  }
}

variable "lambda_package" {
  description = <<-EOT
    The package that `make package` builds; every function of the mesh runs from it.

    - `path` - the zip file.
    - `architecture` - what it was built for: `arm64` or `x86_64`.
    - `runtime` - the Lambda runtime it was built for.
  EOT
  type = object({
    path         = string
    architecture = optional(string, "arm64")
    runtime      = optional(string, "python3.13")
  })
  nullable = false

  validation {
    condition     = contains(["arm64", "x86_64"], var.lambda_package.architecture)
    error_message = "lambda_package.architecture must be arm64 or x86_64."
  }
}

# What has a default.

variable "administrators" {
  description = "IAM roles and users that administer Lake Formation in this account besides the mesh's own functions, for example the role that runs Terraform. Every administrator that exists today has to be in the list: the settings are written as a whole."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.administrators : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/.+$", arn))])
    error_message = "administrators must be ARNs of IAM roles or users."
  }

  validation {
    # Lake Formation takes 30 administrators; four are the mesh's own functions.
    condition     = length(distinct(var.administrators)) <= 26
    error_message = "administrators must hold at most 26 ARNs: Lake Formation takes 30, and four are the mesh's own."
  }
}

variable "alarm_topic_arns" {
  description = "SNS topics that hear every alarm of this account's mesh: failed workflows and functions, events in a dead-letter queue."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "cross_account_version" {
  description = "Lake Formation's cross-account version. `5` cannot be taken back; every account of a mesh should have the same one."
  type        = number
  default     = 4
  nullable    = false

  validation {
    condition     = contains([3, 4, 5], var.cross_account_version)
    error_message = "cross_account_version must be 3, 4 or 5: below 3 there are no grants to IAM principals and no LF-tag shares over RAM."
  }
}

variable "deletion_protection" {
  description = "Whether the registry refuses to be deleted until this is set to false and applied."
  type        = bool
  default     = true
  nullable    = false
}

variable "domain_account_ids" {
  description = "The accounts that may be domains of the mesh, where there is no organization to tell. Exactly one of `organization_id` and this is given."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for id in var.domain_account_ids : can(regex("^[0-9]{12}$", id))])
    error_message = "domain_account_ids must be account ids of 12 digits."
  }
}

variable "log_level" {
  description = "What the functions log: `DEBUG`, `INFO`, `WARNING` or `ERROR`."
  type        = string
  default     = "INFO"
  nullable    = false

  validation {
    condition     = contains(["DEBUG", "INFO", "WARNING", "ERROR"], var.log_level)
    error_message = "log_level must be DEBUG, INFO, WARNING or ERROR."
  }
}

variable "log_retention_days" {
  description = "How long the logs of functions and workflows are kept, in days."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be a number of days that CloudWatch Logs offers, for example 30, 90 or 365."
  }
}

variable "organization_id" {
  description = "The AWS Organization whose accounts may be domains of the mesh. Exactly one of this and `domain_account_ids` is given."
  type        = string
  default     = null

  validation {
    condition     = var.organization_id == null || can(regex("^o-[a-z0-9]{10,32}$", var.organization_id))
    error_message = "organization_id must look like o-exampleorgid: o- and 10 to 32 lower-case letters or digits."
  }
}

variable "prefix" {
  description = "Every name of this mesh begins with it. Two meshes with different prefixes can share an account."
  type        = string
  default     = "datamesh"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}$", var.prefix))
    error_message = "prefix must be 2 to 19 lower-case letters, digits and dashes, a letter first."
  }
}
