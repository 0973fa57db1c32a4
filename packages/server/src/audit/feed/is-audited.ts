/** Whether an event becomes a leaf. What a page says of itself is not what happened here. */
export function isAudited(type: string): boolean {
  return !type.startsWith("ui.");
}
