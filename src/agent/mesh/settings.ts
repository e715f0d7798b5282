/** What an agent is told of the mesh it is to be in. */
export interface MeshSettings {
  /** Members of meshes of other names are not heard. */
  readonly name: string;
  /** `nats://…` or `tls://…`, with user and password if there are any: not to be shown. */
  readonly servers: readonly string[];
  readonly credentials: { readonly kind: 'creds' | 'nkey'; readonly file: string } | undefined;
  readonly tls: { readonly ca: string | undefined; readonly cert: string | undefined; readonly key: string | undefined } | undefined;
  /** Copies of what the engine keeps; undefined: by how many servers there are. */
  readonly replicas: number | undefined;
  /** Bytes that may be kept at most, and milliseconds for which they are, by what is kept. */
  readonly bytes: Readonly<Record<string, number>>;
  readonly ages: Readonly<Record<string, number>>;
  /** Where other members come in; undefined: at the address by which the engine is reached, at any port. */
  readonly listen: { readonly host: string; readonly port: number } | undefined;
  /** Where others are told to come, if that is elsewhere: behind a router, say. */
  readonly advertise: readonly string[] | undefined;
}
