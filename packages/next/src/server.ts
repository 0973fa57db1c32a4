export type { Auth, ProtectedHandler, ProtectOptions, RouteHandler } from "./auth.js";
export { createNextSegno, type NextSegno, type NextSegnoOptions } from "./create-next-segno.js";
export type { NextEngine } from "./engine.js";
export type { Handlers } from "./handlers.js";
export { safeReturnTo } from "./return-to.js";
export type { InitialSession, User } from "./session.js";
export { type Requirement, type SearchParams, stepUpRequirement } from "./step-up-requirement.js";
