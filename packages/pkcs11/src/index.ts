/** `@segno/pkcs11`: signing keys in a hardware security module. */
export { type Pkcs11CustodyOptions, pkcs11Custody } from "./pkcs11-custody.js";
