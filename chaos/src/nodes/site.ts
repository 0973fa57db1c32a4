/** What every engine calls itself, wherever it listens. */
export const origin = "http://localhost:4000";

/** The resource server that may introspect. */
export const introspector = { id: "api", secret: "chaos-secret-chaos-secret-chaos-secret" };
