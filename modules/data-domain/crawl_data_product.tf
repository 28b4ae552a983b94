# link_data_product succeeded → the schema of the producer's tables, found by one crawler per table.
#
# The workflow starts the crawlers and sleeps; their state-change events (pattern 1b) wake it through the function.

locals {
  crawl_data_product = "${local.name}-crawl-data-product"
  step_functions_event = {
    source      = ["aws.states"]
    detail-type = ["Step Functions Execution Status Change"]
  }
}

# 1a. Pattern and workflow

module "crawl_data_product" {
  source = "../workflow"

  name               = local.crawl_data_product
  account_id         = var.account_id
  alarm_topic_arns   = var.alarm_topic_arns
  description        = "Crawls the tables of a data product of this domain."
  function_arns      = [module.crawl_data_product_function.alias_arn]
  log_retention_days = var.log_retention_days
  publish_bus_arn    = local.arn.bus

  trigger = {
    event_bus_name = "default" # where AWS services publish
    event_pattern = jsonencode(merge(local.step_functions_event, {
      detail = {
        stateMachineArn = ["${local.arn.state_machine}-link-data-product"]
        status          = ["SUCCEEDED"]
      }
    }))
  }

  definition = templatefile("${path.module}/crawl_data_product.asl.json", {
    event_bus_arn = local.arn.bus
    function_arn  = module.crawl_data_product_function.alias_arn
    partition     = local.partition
  })
}

# 1b. A crawler ended: wake the workflow that waits for it

module "crawler_state_change" {
  source = "../event-subscription"

  name             = "${local.name}-crawler-state-change"
  account_id       = var.account_id
  alarm_topic_arns = var.alarm_topic_arns
  description      = "Tells crawl_data_product that one of its crawlers ended."
  event_bus_name   = "default" # where AWS services publish
  event_pattern = jsonencode({
    source      = ["aws.glue"]
    detail-type = ["Glue Crawler State Change"]
    detail = {
      crawlerName = [{ prefix = "${local.name}-" }]
      state       = ["Failed", "Succeeded"]
    }
  })
  target = { lambda = { arn = module.crawl_data_product_function.alias_arn } }
}

# 2. Function

module "crawl_data_product_function" {
  source = "../lambda-function"

  name                  = local.crawl_data_product
  alarm_topic_arns      = var.alarm_topic_arns
  description           = "Starts, watches and removes the crawlers of a data product."
  failure_queue_enabled = true # for pattern 1b, which invokes it asynchronously
  handler               = "datamesh.handlers.crawl_data_product.handler"
  log_retention_days    = var.log_retention_days
  package               = var.lambda_package
  timeout               = 300

  environment = merge(local.environment, {
    CENTRAL_ACCOUNT_ID      = var.central.account_id
    CRAWLER_ROLE_ARN        = local.arn.crawler_role
    CRAWL_RUNS_TABLE        = aws_dynamodb_table.crawl_runs.name
    POWERTOOLS_SERVICE_NAME = "crawl_data_product"
  })

  # 3. What it may do, in the order in which it does it
  statements = [
    {
      sid       = "ReadWhatWasLinked"
      actions   = ["states:DescribeExecution"]
      resources = ["${local.arn.execution}-link-data-product:*", "${local.arn.execution}-crawl-data-product:*"] # every execution of the two
    },
    {
      sid       = "RecordRun"
      actions   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
      resources = [local.arn.crawl_runs]
    },
    {
      sid       = "RunCrawlers"
      actions   = ["glue:CreateCrawler", "glue:DeleteCrawler", "glue:GetCrawler", "glue:StartCrawler", "glue:StopCrawler"]
      resources = [local.arn.crawlers]
    },
    {
      sid       = "LendCrawlerRole"
      actions   = ["iam:PassRole"]
      resources = [local.arn.crawler_role]
      conditions = [
        { test = "StringEquals", variable = "iam:PassedToService", values = ["glue.amazonaws.com"] },
      ]
    },
    {
      sid       = "WakeWorkflow"
      actions   = ["states:SendTaskSuccess"]
      resources = ["${local.arn.state_machine}-crawl-data-product"]
    },
    {
      sid       = "ReadSchema"
      actions   = ["glue:GetTables"]
      resources = local.central_catalog
    },
  ]
}

# 4. What the workflow remembers while its crawlers run

resource "aws_dynamodb_table" "crawl_runs" {
  #checkov:skip=CKV_AWS_119:the key aws/dynamodb is enough: the table holds names and task tokens for hours, and never leaves this account
  name         = "${local.name}-crawl-runs"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "run_id"

  attribute {
    name = "run_id"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled = true
  }

  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }
}

# 5. What the crawlers may do: they change schemas, and get at the data only through Lake Formation

data "aws_iam_policy_document" "crawler_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["glue.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.account_id]
    }
  }
}

data "aws_iam_policy_document" "crawler" {
  #checkov:skip=CKV_AWS_356:lakeformation:GetDataAccess has no resource-level permissions
  statement {
    sid       = "ReadDataThroughLakeFormation"
    actions   = ["lakeformation:GetDataAccess"]
    resources = ["*"] # Lake Formation has no resource-level permissions
  }

  statement {
    sid = "WriteSchema"
    actions = [
      "glue:BatchCreatePartition",
      "glue:BatchGetPartition",
      "glue:BatchUpdatePartition",
      "glue:CreatePartition",
      "glue:GetDatabase",
      "glue:GetDatabases",
      "glue:GetPartition",
      "glue:GetPartitions",
      "glue:GetTable",
      "glue:GetTables",
      "glue:UpdatePartition",
      "glue:UpdateTable",
    ]
    resources = concat(local.own_catalog, local.central_catalog)
  }

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["arn:${local.partition}:logs:${local.region}:${var.account_id}:log-group:/aws-glue/crawlers*"] # the group and its streams
  }
}

resource "aws_iam_role" "crawler" {
  name               = "${local.name}-crawler"
  description        = "The crawlers of crawl_data_product run with it."
  assume_role_policy = data.aws_iam_policy_document.crawler_trust.json
}

resource "aws_iam_role_policy" "crawler" {
  name   = "crawl-data-products"
  role   = aws_iam_role.crawler.name
  policy = data.aws_iam_policy_document.crawler.json
}
