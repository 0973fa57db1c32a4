/** What every engine calls itself, wherever it listens. */
export const origin = "http://localhost:4000";

/** What every engine seals with. */
export const secret = "1:Kq3nV8xTz1mW5yRb7cJd9fLg2hPs4uXa";

/** The resource server that may introspect. */
export const introspector = { id: "api", secret: "chaos-secret-chaos-secret-chaos-secret" };
