export { getAuth, segnoMiddleware } from "./attach.js";
export type { ClientCertificateOptions } from "./client-certificate.js";
export type { NodeMiddleware, NodeRequest } from "./node-types.js";
export { type RequireAccessTokenOptions, requireAccessToken } from "./require-access-token.js";
export { type RequireAuthOptions, requireAuth } from "./require-auth.js";
export { type ToExpressOptions, toExpress } from "./to-express.js";
