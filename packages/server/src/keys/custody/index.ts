/** `@segno/server/custody`: where private keys are kept. */
export type {
  KeyAlgorithm,
  KeyContext,
  KeyCustody,
  KeyPurpose,
  RemoteCustody,
  RemoteKey,
  WrappingCustody,
} from "../custody.js";
export type { AwsCallOptions, AwsKeyMetadata, AwsKmsClient } from "./aws-kms.js";
export { type AwsKmsRemoteOptions, awsKmsRemote } from "./aws-kms-remote.js";
export { type AwsKmsWrappedOptions, awsKmsWrapped } from "./aws-kms-wrapped.js";
export type { AzureCallOptions, AzureCryptographyClient, AzureKey, AzureKeyClient } from "./azure-key-vault.js";
export { type AzureKeyVaultRemoteOptions, azureKeyVaultRemote } from "./azure-key-vault-remote.js";
export { type AzureKeyVaultWrappedOptions, azureKeyVaultWrapped } from "./azure-key-vault-wrapped.js";
export type { GoogleBytes, GoogleKmsClient } from "./google-kms.js";
export { type GoogleKmsRemoteOptions, googleKmsRemote } from "./google-kms-remote.js";
export { type GoogleKmsWrappedOptions, googleKmsWrapped } from "./google-kms-wrapped.js";
export type { ProvidedSecret, VaultLogin } from "./vault-login.js";
export type { VaultOptions } from "./vault-options.js";
export { type VaultRemoteOptions, vaultRemote } from "./vault-remote.js";
export { type VaultWrappedOptions, vaultWrapped } from "./vault-wrapped.js";
