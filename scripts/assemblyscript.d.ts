/**
 * What we use of the AssemblyScript compiler; `paths` in tsconfig.json points here. Its own types declare AssemblyScript's library as globals
 * of TypeScript, where they change the meaning of `Array.at` and others in the whole project.
 */
interface Options {
  readonly stderr?: { write(chunk: unknown): void };
  readonly readFile?: (name: string, baseDir: string) => string | null;
  readonly writeFile?: (name: string, contents: Uint8Array | string, baseDir: string) => void;
  readonly listFiles?: (dir: string, baseDir: string) => string[] | null;
}

interface Compiler {
  main(args: readonly string[], options: Options): Promise<{ readonly error: Error | null }>;
}

declare const compiler: Compiler;
export default compiler;
