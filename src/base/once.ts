/** Made when it is first asked for, and then again the same. For what only some calls need, such as an import. */
export function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
