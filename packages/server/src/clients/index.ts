export {
  type AuthenticatedClient,
  authenticateClient,
  parseBasicCredentials,
  type PresentedCredentials,
  requireGrant,
} from "./authenticate-client.js";
export {
  createServiceAccount,
  type CreatedServiceAccount,
  type NewServiceAccount,
  type ServiceAccountAuthentication,
} from "./create-service-account.js";
export { isServiceLive } from "./find-service.js";
export { areAssertionAlgorithms, assertionAlgorithms, knownAudiences } from "./known-rights.js";
export { listServiceAccounts, type ServiceAccount } from "./list-service-accounts.js";
export { endExpiredServiceAccounts, revokeServiceAccount } from "./revoke-service-account.js";
