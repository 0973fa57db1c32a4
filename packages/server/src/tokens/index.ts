export { authenticateAccessToken, type PresentedAccessToken } from "./authenticate-access-token.js";
export { publicDocument } from "./discovery.js";
export { checkDpopHeader } from "./check-dpop-proof.js";
export { issueTokens, type IssueTokens, type Tokens } from "./issue-tokens.js";
export { type RevocationTarget, type RevokedTokens, revokeTokens } from "./revoke-tokens.js";
export { tokenRoutes } from "./routes.js";
export { sweepTokens } from "./store.js";
