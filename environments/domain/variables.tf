variable "account_id" {
  description = "Id of the account that this workspace is applied to; credentials of another one are refused."
  type        = string
  nullable    = false
}

variable "central_account_id" {
  description = "Id of the mesh's central account."
  type        = string
  nullable    = false
}

variable "domain" {
  description = "Name of the domain, which the workspace is called after."
  type        = string
  nullable    = false

  validation {
    # The one mistake that workspaces invite: planning one account with the variables of another.
    condition     = terraform.workspace == var.domain || endswith(terraform.workspace, "-${var.domain}")
    error_message = "These variables are for the domain ${var.domain}, but the workspace is ${terraform.workspace}: select the workspace ${var.domain}, or one whose name ends with -${var.domain}."
  }
}

variable "lambda_package" {
  description = <<-EOT
    The zip file that `make package` builds, which every function of the mesh runs from:
    * `architecture`: arm64 or x86_64.
    * `path`: where the zip file is.
    * `runtime`: the Lambda runtime that it was built for.
  EOT
  type = object({
    architecture = optional(string, "arm64")
    path         = string
    runtime      = optional(string, "python3.13")
  })
  nullable = false
}

variable "region" {
  description = "AWS region of the mesh, the same in all its accounts."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be the name of an AWS region, for example eu-west-1."
  }
}

variable "administrators" {
  description = "ARNs of IAM roles and users that administer Lake Formation besides the mesh's own functions. Administrators that the account already has stay."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "alarm_topic_arns" {
  description = "ARNs of the SNS topics that hear about alarms."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "assume_role_arn" {
  description = "ARN of the role that Terraform takes in the account; null uses the credentials of the environment."
  type        = string
  default     = null
}

variable "config_secret_recovery_days" {
  description = "How many days the config secret can be brought back after a destroy; its name stays taken until then. 0 deletes it at once: it holds nothing that an apply could not write again."
  type        = number
  default     = 0
  nullable    = false
}

variable "cross_account_version" {
  description = "Cross-account version of Lake Formation, the same in every account of the mesh. 5 cannot be taken back."
  type        = string
  default     = "4"
  nullable    = false
}

variable "data_principals" {
  description = "ARNs of the IAM roles and users of this account that may read this domain's own data products."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "data_stewards" {
  description = <<-EOT
    Who may decide, as stewards of the data, on access to this domain's products, where the mesh's approval policy asks
    for `data_stewards`:
    * `email`: the address that links are sent to, in lower case. AWS asks there once to confirm the subscription.
    * `name`: for those who read it.
  EOT
  type = list(object({
    email = string
    name  = optional(string)
  }))
  default  = []
  nullable = false
}

variable "delete_data" {
  description = "Whether a destroy deletes the data in the lake too, and the config secret at once. Apply it before the destroy."
  type        = bool
  default     = false
  nullable    = false
}

variable "key_deletion_window_days" {
  description = "How many days KMS waits before it deletes the keys of a destroyed domain."
  type        = number
  default     = 30
  nullable    = false
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
}

variable "log_level" {
  description = "What the functions log: DEBUG, INFO, WARNING or ERROR."
  type        = string
  default     = "INFO"
  nullable    = false
}

variable "log_retention_days" {
  description = "How many days the logs of functions and workflows are kept."
  type        = number
  default     = 365
  nullable    = false
}

variable "prefix" {
  description = "Every name of the mesh begins with it, the same in all its accounts."
  type        = string
  default     = "datamesh"
  nullable    = false
}

variable "product_owners" {
  description = <<-EOT
    Who may decide, as owners, on access to this domain's products, where the mesh's approval policy asks for
    `product_owners`. By default it does for whatever is sensitive:
    * `email`: the address that links are sent to, in lower case. AWS asks there once to confirm the subscription.
    * `name`: for those who read it.
  EOT
  type = list(object({
    email = string
    name  = optional(string)
  }))
  default  = []
  nullable = false
}

variable "products" {
  description = <<-EOT
    Where data products live, the only place in the lake that central's lake access role can read:
    * `layer`: one of the layers.
    * `prefix`: key prefix in the layer's bucket, with a final slash.
  EOT
  type = object({
    layer  = optional(string, "transform")
    prefix = optional(string, "products/")
  })
  default  = {}
  nullable = false
}

variable "s3_use_path_style" {
  description = "Whether bucket names go into the path of S3's URLs instead of the host name, as the sandbox needs it."
  type        = bool
  default     = false
  nullable    = false
}

variable "tags" {
  description = "Tags on everything, {KEY => value}, besides mesh and managed-by."
  type        = map(string)
  default     = {}
  nullable    = false
}
