// The pages are one document: a path that names no file is for the portal's own router.
// Custom error responses would do the same to the API's 403 and 404: they hold for all origins of a distribution.
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/functions-event-structure.html
function handler(event) {
  var request = event.request;
  var last = request.uri.substring(request.uri.lastIndexOf("/") + 1);
  if (!/\.(css|html|ico|js|json|map|png|svg|txt|webmanifest|woff2?)$/.test(last)) {
    request.uri = "/index.html";
  }
  return request;
}
