/** The part of oidc-provider that the bench uses; the package ships no declarations. */
declare module "oidc-provider" {
  import type { RequestListener } from "node:http";

  interface Saved {
    save(): Promise<string>;
  }
  interface Grant extends Saved {
    addOIDCScope(scope: string): void;
    addResourceScope(resource: string, scope: string): void;
  }
  export default class Provider {
    constructor(issuer: string, configuration: Readonly<Record<string, unknown>>);
    callback(): RequestListener;
    readonly Grant: new (input: {
      accountId: string;
      clientId: string;
    }) => Grant;
    readonly Client: { find(id: string): Promise<object | undefined> };
    readonly RefreshToken: new (
      input: object,
    ) => Saved;
    readonly AccessToken: new (
      input: object,
    ) => Saved;
  }
}
