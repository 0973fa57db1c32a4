/** Numbers from 0 up to 1 that are the same in every run (a linear congruential generator, Numerical Recipes). */
export function seeded(seed: number): () => number {
  let state = (seed * 2_654_435_761) % 4_294_967_296;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
}
