export { createKeyring, type KeyHealth, type Keyring, type KeyringHealth, type KeyringParts } from "./keyring.js";
