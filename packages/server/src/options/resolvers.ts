export function readResolver<Given>(name: string, given: Given, faults: string[]): Given | undefined {
  if (given === undefined || typeof given === "function") return given;
  faults.push(`${name}: must be a function of the request`);
  return undefined;
}
