/** Does something with each of many, `width` at the same time. The first failure ends it. */
export async function eachOf<T>(
  all: readonly T[],
  width: number,
  act: (each: T) => Promise<unknown>,
): Promise<void> {
  const rest = all.values();
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (const each of rest) await act(each);
    }),
  );
}
