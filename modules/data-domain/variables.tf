variable "account_id" {
  description = "Id of the account. Given, not looked up, so that every name and policy is known at plan time."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must have 12 digits."
  }
}

variable "central" {
  description = <<-EOT
    The mesh's central governance:
    * `account_id`: id of its account, which may be this one. All its names follow from the prefix.
  EOT
  type = object({
    account_id = string
  })
  nullable = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.central.account_id))
    error_message = "central.account_id must have 12 digits."
  }
}

variable "domain" {
  description = "Name of the domain, unique in the mesh. It becomes part of database names, so it cannot be changed later."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,29}$", var.domain))
    error_message = "domain must have 1 to 30 lower-case letters, digits or underscores and start with a letter."
  }

  validation {
    condition     = !can(regex("_(nrac|tbac)$", var.domain))
    error_message = "domain must not end in _nrac or _tbac: the databases of other domains do."
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

  validation {
    condition     = contains(["arm64", "x86_64"], var.lambda_package.architecture)
    error_message = "lambda_package.architecture must be arm64 or x86_64."
  }
}

variable "administrators" {
  description = "ARNs of IAM roles and users that administer Lake Formation besides the mesh's own functions. Administrators that the account already has stay."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.administrators : can(regex("^arn:[^:*]+:iam::[0-9]{12}:(role|user)/[^*]+$", arn))])
    error_message = "administrators must be ARNs of IAM roles or users, without wildcards."
  }

  validation {
    # Lake Formation takes 30; two are the mesh's own functions.
    condition     = length(distinct(var.administrators)) <= 28
    error_message = "administrators must be at most 28: Lake Formation takes 30, and the mesh needs two of them."
  }
}

variable "alarm_topic_arns" {
  description = "ARNs of the SNS topics that hear about alarms: failed workflows and functions, events in a dead-letter queue."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.alarm_topic_arns : can(regex("^arn:[^:]+:sns:", arn))])
    error_message = "alarm_topic_arns must be ARNs of SNS topics (arn:<partition>:sns:…)."
  }
}

variable "config_secret_recovery_days" {
  description = "How many days the config secret can be brought back after a destroy; its name stays taken until then. 0 deletes it at once: it holds nothing that an apply could not write again."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.config_secret_recovery_days == 0 || (var.config_secret_recovery_days >= 7 && var.config_secret_recovery_days <= 30)
    error_message = "config_secret_recovery_days must be 0 or between 7 and 30."
  }
}

variable "cross_account_version" {
  description = "Cross-account version of Lake Formation, the same in every account of the mesh. 5 cannot be taken back."
  type        = string
  default     = "4"
  nullable    = false

  validation {
    condition     = contains(["3", "4", "5"], var.cross_account_version)
    error_message = "cross_account_version must be \"3\", \"4\" or \"5\": older ones cannot share by LF-tags over AWS RAM."
  }
}

variable "data_deletion_allowed" {
  description = "Whether a destroy may delete data. When false, buckets that hold objects make it fail: take the addresses in the output data_addresses out of the state first, and they stay."
  type        = bool
  default     = false
  nullable    = false
}

variable "data_principals" {
  description = "ARNs of the IAM roles and users of this account that may read the data products of this very domain. Who reads the products of others is named in requests for access."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.data_principals : can(regex("^arn:[^:*]+:iam::[0-9]{12}:(role|user)/[^*]+$", arn))])
    error_message = "data_principals must be ARNs of IAM roles or users, without wildcards."
  }

  validation {
    # Lake Formation cannot pass a share on to a third account.
    condition     = alltrue([for arn in var.data_principals : split(":", arn)[4] == var.account_id])
    error_message = "data_principals must be of this account."
  }
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

  validation {
    condition     = alltrue([for person in var.data_stewards : length(person.email) <= 254 && can(regex("^[a-z0-9._%+-]{1,64}@[a-z0-9-]+([.][a-z0-9-]+)+$", person.email))])
    error_message = "data_stewards must have addresses like sam@example.com as email, in lower case, of at most 254 characters."
  }

  validation {
    condition     = alltrue([for person in var.data_stewards : person.name == null || try(length(person.name) <= 128, true)])
    error_message = "data_stewards must have names of at most 128 characters."
  }

  validation {
    condition     = length(var.data_stewards) <= 50 && length(var.data_stewards) == length(distinct(var.data_stewards[*].email))
    error_message = "data_stewards must be at most 50 people, each once."
  }
}

variable "key_deletion_window_days" {
  description = "How many days KMS waits before it deletes the keys of a destroyed domain."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.key_deletion_window_days >= 7 && var.key_deletion_window_days <= 30
    error_message = "key_deletion_window_days must be between 7 and 30."
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
    condition     = length(var.layers) > 0
    error_message = "layers must be at least one."
  }
}

variable "log_level" {
  description = "What the functions log: DEBUG, INFO, WARNING or ERROR."
  type        = string
  default     = "INFO"
  nullable    = false

  validation {
    condition     = contains(["DEBUG", "INFO", "WARNING", "ERROR"], var.log_level)
    error_message = "log_level must be DEBUG, INFO, WARNING or ERROR."
  }
}

variable "log_retention_days" {
  description = "How many days the logs of functions and workflows are kept."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be a retention that CloudWatch Logs knows: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
}

variable "prefix" {
  description = "Every name of the mesh begins with it. It is the same in all accounts of a mesh; meshes with different prefixes can share an account."
  type        = string
  default     = "datamesh"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}$", var.prefix))
    error_message = "prefix must have 2 to 19 lower-case letters, digits or dashes and start with a letter."
  }
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

  validation {
    condition     = alltrue([for person in var.product_owners : length(person.email) <= 254 && can(regex("^[a-z0-9._%+-]{1,64}@[a-z0-9-]+([.][a-z0-9-]+)+$", person.email))])
    error_message = "product_owners must have addresses like olga@example.com as email, in lower case, of at most 254 characters."
  }

  validation {
    condition     = alltrue([for person in var.product_owners : person.name == null || try(length(person.name) <= 128, true)])
    error_message = "product_owners must have names of at most 128 characters."
  }

  validation {
    condition     = length(var.product_owners) <= 50 && length(var.product_owners) == length(distinct(var.product_owners[*].email))
    error_message = "product_owners must be at most 50 people, each once."
  }
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

  validation {
    condition     = contains(keys(var.layers), var.products.layer)
    error_message = "products.layer must be one of the layers."
  }

  validation {
    condition     = can(regex("^([A-Za-z0-9_=.-]+/)+$", var.products.prefix))
    error_message = "products.prefix must be one or more folder names, each with a slash behind it (products/)."
  }
}
