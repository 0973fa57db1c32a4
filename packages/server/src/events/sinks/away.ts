/**
 * Why a receiver has not taken anything. The log shows the code and never a message, which may quote anything: so the code
 * says what an operator needs, in words, digits and `:._-`.
 */
export function away(code: string, message: string): Error & { readonly code: string } {
  return Object.assign(new Error(message), { code: code.replaceAll(/[^\w .:/-]/g, "_").slice(0, 100) });
}
