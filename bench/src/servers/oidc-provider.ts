import { generateKeyPairSync } from "node:crypto";
import Provider from "oidc-provider";
import type { HostedServer } from "../http/hosted.ts";
import { audience } from "../tokens.ts";
import { keyService, secretService, serviceKey, serviceScope } from "./services.ts";

const client = { id: "segno", introspector: "api", secret: "bench-secret-bench-secret-bench-secret" };

/** oidc-provider with its memory adapter: ES256 JWT access tokens for a resource, rotating refresh tokens. */
export async function start(options: { port: number; lanes: number }): Promise<HostedServer> {
  const { publicJwk, privateJwk } = serviceKey();
  const service = {
    grant_types: ["client_credentials"],
    response_types: [],
    redirect_uris: [],
    id_token_signed_response_alg: "ES256",
    scope: serviceScope,
  };
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const provider = new Provider(`http://localhost:${options.port}`, {
    jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), alg: "ES256", use: "sig", kid: "bench" }] },
    clients: [
      {
        client_id: client.id,
        token_endpoint_auth_method: "none",
        grant_types: ["authorization_code", "refresh_token"],
        redirect_uris: ["http://localhost/callback"],
        id_token_signed_response_alg: "ES256",
      },
      {
        client_id: client.introspector,
        client_secret: client.secret,
        grant_types: [],
        response_types: [],
        redirect_uris: [],
        id_token_signed_response_alg: "ES256",
      },
      { ...service, client_id: secretService.id, client_secret: secretService.secret },
      {
        ...service,
        client_id: keyService.id,
        token_endpoint_auth_method: "private_key_jwt",
        token_endpoint_auth_signing_alg: "ES256",
        jwks: { keys: [publicJwk] },
      },
    ],
    scopes: ["openid", "offline_access", serviceScope],
    clientAuthMethods: ["none", "client_secret_basic", "private_key_jwt"],
    rotateRefreshToken: true,
    issueRefreshToken: async () => true,
    findAccount: async (_ctx: unknown, id: string) => ({ accountId: id, claims: async () => ({ sub: id }) }),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: async () => true },
      resourceIndicators: {
        enabled: true,
        defaultResource: async () => audience,
        useGrantedResource: async () => true,
        getResourceServerInfo: async () => ({
          scope: "orders:read",
          audience,
          accessTokenFormat: "jwt",
          accessTokenTTL: 300,
          jwt: { sign: { alg: "ES256" } },
        }),
      },
    },
  });

  const grant = new provider.Grant({ accountId: "ada", clientId: client.id });
  grant.addOIDCScope("offline_access");
  grant.addResourceScope(audience, "orders:read");
  const grantId = await grant.save();
  const registered = await provider.Client.find(client.id);
  if (registered === undefined) throw new Error("bench: client not found");
  const refreshTokens = await Promise.all(
    Array.from({ length: options.lanes }, () =>
      new provider.RefreshToken({
        accountId: "ada",
        client: registered,
        grantId,
        gty: "authorization_code",
        scope: "offline_access orders:read",
        resource: audience,
        // no session to die with
        expiresWithSession: false,
      }).save(),
    ),
  );
  const accessToken = await new provider.AccessToken({
    accountId: "ada",
    client: registered,
    grantId,
    gty: "authorization_code",
    scope: "openid",
    expiresWithSession: false,
  }).save();
  const authorization = `Basic ${Buffer.from(`${client.introspector}:${client.secret}`).toString("base64")}`;
  return {
    listener: provider.callback(),
    facts: {
      refreshTokens,
      accessToken,
      authorization,
      serviceKey: privateJwk,
      issuer: `http://localhost:${options.port}`,
      tokenPath: "/token",
      introspectionPath: "/token/introspection",
    },
  };
}
