export { type Consent, listConsents } from "./list-consents.js";
export { grantConsent } from "./grant-consent.js";
export { scopesHeld } from "./scopes-held.js";
export { eraseConsents } from "./store.js";
export { withdrawConsent } from "./withdraw-consent.js";
