variable "account_id" {
  description = "Id of the central account. Given, not looked up, so that every name and policy is known at plan time."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must have 12 digits."
  }
}

variable "event_bus_name" {
  description = "Name of central's event bus: commands of people go there, and what is said there is shown."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,64}$", var.event_bus_name)) && var.event_bus_name != "default"
    error_message = "event_bus_name must be the name of central's event bus, not its ARN and not \"default\"."
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

variable "ledger_table_name" {
  description = "Name of central's ledger."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{3,255}$", var.ledger_table_name))
    error_message = "ledger_table_name must be the name of a DynamoDB table, not its ARN."
  }
}

variable "registry_table_name" {
  description = "Name of central's registry; it has the index `listing`."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{3,255}$", var.registry_table_name))
    error_message = "registry_table_name must be the name of a DynamoDB table, not its ARN."
  }
}

variable "alarm_topic_arns" {
  description = "ARNs of the SNS topics that hear about alarms: errors of the API and its functions, events in a dead-letter queue, refused votes."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.alarm_topic_arns : can(regex("^arn:[^:]+:sns:", arn))])
    error_message = "alarm_topic_arns must be ARNs of SNS topics (arn:<partition>:sns:…)."
  }
}

variable "allowed_origins" {
  description = "Origins of other pages that may call the API from a browser, e.g. https://wiki.example.com. The portal's own needs no entry."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for origin in var.allowed_origins : can(regex("^(https://[a-z0-9]([a-z0-9.-]*[a-z0-9])?|http://localhost)(:[0-9]{1,5})?$", origin))])
    error_message = "allowed_origins must be origins like https://wiki.example.com, without a path and without wildcards; http only for localhost."
  }
}

variable "assets_path" {
  description = "Folder with the pages that `make portal` builds (portal/dist); null uploads none."
  type        = string
  default     = null

  validation {
    condition     = var.assets_path == null ? true : length(var.assets_path) > 0 && !endswith(var.assets_path, "/")
    error_message = "assets_path must be a folder, without a slash at its end, or null."
  }
}

variable "cognito_endpoint" {
  description = "Where browsers sign in, when it is not AWS's own endpoint of the region."
  type        = string
  default     = null

  validation {
    condition     = var.cognito_endpoint == null ? true : can(regex("^(https://[a-z0-9]([a-z0-9.-]*[a-z0-9])?|http://(127[.]0[.]0[.]1|localhost))(:[0-9]{1,5})?$", var.cognito_endpoint))
    error_message = "cognito_endpoint must be https://<host>, without a path; http only for this machine."
  }
}

variable "custom_domain" {
  description = <<-EOT
    The portal's own domain name; null: CloudFront's. Its DNS record, an alias to the distribution, is the caller's.
    * `certificate_arn`: the ACM certificate for it, in us-east-1, where CloudFront looks for it.
    * `name`: e.g. data.example.com.
  EOT
  type = object({
    certificate_arn = string
    name            = string
  })
  default = null

  validation {
    condition     = var.custom_domain == null ? true : can(regex("^arn:[^:*]+:acm:us-east-1:[0-9]{12}:certificate/[^*]+$", var.custom_domain.certificate_arn))
    error_message = "custom_domain.certificate_arn must be the ARN of an ACM certificate in us-east-1 (arn:<partition>:acm:us-east-1:<account>:certificate/…)."
  }

  validation {
    condition     = var.custom_domain == null ? true : can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?[.])+[a-z]{2,}$", var.custom_domain.name))
    error_message = "custom_domain.name must be a domain name like data.example.com, in lower case and without wildcards."
  }
}

variable "deletion_protection" {
  description = "Whether the user pool and the timeline refuse to be deleted until this is set to false and applied."
  type        = bool
  default     = true
  nullable    = false
}

variable "domain_tag_key" {
  description = "Key of the LF-tag that says whose a product is, as central has it."
  type        = string
  default     = "lob"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9_][a-z0-9_.:/+@-]{0,49}$", var.domain_tag_key))
    error_message = "domain_tag_key must be lower case, as Lake Formation stores it: 1 to 50 letters, digits or _.:/+@-, the first one a letter, digit or _."
  }
}

variable "domains" {
  description = "Domains whose people sign in: each has a group of owners, of stewards and of members. A domain that is to be registered in the portal has to be here first."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for domain in var.domains : can(regex("^[a-z][a-z0-9_]{0,29}$", domain)) && !can(regex("_(nrac|tbac)$", domain))])
    error_message = "domains must be names of domains: 1 to 30 lower-case letters, digits or underscores, the first one a letter, and not ending in _nrac or _tbac."
  }

  validation {
    condition     = !contains(var.domains, "mesh")
    error_message = "domains must not have mesh: the groups mesh.<role> are those of the mesh as a whole."
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
  description = "How many days the logs of the functions and of the API are kept."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be a retention that CloudWatch Logs knows: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
}

variable "mfa" {
  description = "Whether people sign in with a code of an authenticator app as well: OFF, OPTIONAL or ON. The portal's own pages and the CLI ask for a password alone so far; with a code people need another client."
  type        = string
  default     = "OFF"
  nullable    = false

  validation {
    condition     = contains(["OFF", "OPTIONAL", "ON"], var.mfa)
    error_message = "mfa must be OFF, OPTIONAL or ON."
  }
}

variable "open_search" {
  description = <<-EOT
    An OpenSearch domain in this account that holds the search index instead of a file; null: a file.
    * `domain_arn`: the domain. Its access policy must let the account's roles in, and it is not in a VPC.
    * `endpoint`: its address, https://….
  EOT
  type = object({
    domain_arn = string
    endpoint   = string
  })
  default = null

  validation {
    condition     = var.open_search == null ? true : can(regex("^arn:[^:*]+:es:[^:*]+:${var.account_id}:domain/[a-z][a-z0-9-]+$", var.open_search.domain_arn))
    error_message = "open_search.domain_arn must be the ARN of an OpenSearch domain in this account (arn:<partition>:es:<region>:<account>:domain/…)."
  }

  validation {
    condition     = var.open_search == null ? true : can(regex("^https://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?$", var.open_search.endpoint))
    error_message = "open_search.endpoint must be https://<host>, without a path."
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

variable "price_class" {
  description = "From where CloudFront serves the pages: PriceClass_100 (North America and Europe), PriceClass_200 or PriceClass_All."
  type        = string
  default     = "PriceClass_100"
  nullable    = false

  validation {
    condition     = contains(["PriceClass_100", "PriceClass_200", "PriceClass_All"], var.price_class)
    error_message = "price_class must be PriceClass_100, PriceClass_200 or PriceClass_All."
  }
}

variable "requests_per_second" {
  description = "How many requests per second the API takes, of all people together; for a moment twice as many."
  type        = number
  default     = 50
  nullable    = false

  validation {
    condition     = var.requests_per_second >= 1 && var.requests_per_second <= 5000
    error_message = "requests_per_second must be between 1 and 5000."
  }
}

variable "sensitive_tags" {
  description = "LF-tags that make sensitive what carries them, {key => values}, as central has them."
  type        = map(list(string))
  default = {
    classification  = ["confidential", "restricted"]
    confidentiality = ["sensitive"]
  }
  nullable = false
}

variable "session_hours" {
  description = "After how many hours people have to sign in again; until then their tokens are renewed every hour."
  type        = number
  default     = 12
  nullable    = false

  validation {
    condition     = var.session_hours >= 2 && var.session_hours <= 720 && floor(var.session_hours) == var.session_hours
    error_message = "session_hours must be a whole number from 2 to 720."
  }
}

variable "threat_protection" {
  description = "What Cognito does about leaked passwords and unusual sign-ins: OFF, AUDIT (log them) or ENFORCED (refuse them). All but OFF need its Plus tier, which costs by the user."
  type        = string
  default     = "OFF"
  nullable    = false

  validation {
    condition     = contains(["OFF", "AUDIT", "ENFORCED"], var.threat_protection)
    error_message = "threat_protection must be OFF, AUDIT or ENFORCED."
  }
}

variable "timeline_days" {
  description = "How many days people can look back at events and executions."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = var.timeline_days >= 1 && var.timeline_days <= 3650 && floor(var.timeline_days) == var.timeline_days
    error_message = "timeline_days must be a whole number from 1 to 3650."
  }
}

variable "web_acl_arn" {
  description = "ARN of a web ACL of AWS WAF (scope CLOUDFRONT) in front of pages and API; null: none."
  type        = string
  default     = null

  validation {
    condition     = var.web_acl_arn == null ? true : can(regex("^arn:[^:*]+:wafv2:us-east-1:[0-9]{12}:global/webacl/[^*]+$", var.web_acl_arn))
    error_message = "web_acl_arn must be the ARN of a web ACL with the scope CLOUDFRONT (arn:<partition>:wafv2:us-east-1:<account>:global/webacl/…)."
  }
}
