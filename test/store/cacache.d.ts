/** What the tests use of npm's cacache, which ships no types. */
declare module 'cacache' {
  interface Cacache {
    put(cache: string, key: string, data: Uint8Array, options: { readonly algorithms: readonly string[] }): Promise<string>;
    readonly get: { byDigest(cache: string, integrity: string): Promise<Buffer> };
    verify(cache: string): Promise<{ readonly badContentCount: number; readonly verifiedContent: number }>;
  }
  const cacache: Cacache;
  export default cacache;
}
