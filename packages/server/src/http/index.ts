/** What other folders may use of the HTTP layer. */
export { type CertificateResolver, createCertificateResolver, thumbprintOf } from "./client-certificate.js";
export { type ClientIpResolver, clientIpOf } from "./client-ip.js";
export { ambiguous, cookieNames, readCookie } from "./cookies.js";
export { errorParts } from "./error-response.js";
export { createExchange, createHandler, type Exchange, type Handler } from "./handler.js";
export { readHeader } from "./headers.js";
export { checkHealth, type HealthCheck, type HealthReport, healthRoutes } from "./health.js";
export { type Incoming, type IncomingWithBody, incomingOf } from "./incoming.js";
export { networkOf, parseIpRange } from "./ip-address.js";
export { isHeld } from "./is-held.js";
export { openApiRoute } from "./openapi.js";
export { isPlainPath, pathOf } from "./path.js";
export { createRateLimiter } from "./rate-limiter.js";
export { createRequestFacts } from "./request-facts.js";
export { invalidFields } from "./read-body.js";
export { httpDate, toResponse } from "./respond.js";
export { safeReturnPath } from "./return-path.js";
export { defineRoute, type Reply, type Route, type RouteContext, type RouteCookies } from "./route.js";
