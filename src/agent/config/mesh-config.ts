import { DocketError } from '../../errors.ts';
import type { MeshSettings } from '../mesh/settings.ts';
import { readSecret, type Unusable } from './secret-setting.ts';
import type { Values } from './settings.ts';

/** How an agent is told of its mesh. What is secret stands in files and never in options, which everybody on the machine can read. */

const DEFAULT_NAME = 'docket';
const READABLE = 'Name a file that only the user of the agent can read: chmod 600.';
const WRITE = 'Write USER:PASSWORD, or a token, into it: visible characters of ASCII, at most 4096.';
const LOGIN = /^[\x21-\x7e]{1,4096}$/;

/** Undefined for an agent that is in no mesh. Throws `CONFIG_INVALID` for settings of a mesh without one, that contradict each other, or name a file that cannot be used. */
export function meshSettings(values: Values): MeshSettings | undefined {
  const { mesh, creds, nkey } = values;
  const login = values['mesh-login'];
  if (mesh === undefined || mesh.length === 0) {
    const [alone] = Object.entries(values).filter(
      ([name, value]) => value !== undefined && (name.startsWith('mesh-') || name === 'creds' || name === 'nkey'),
    );
    if (alone !== undefined)
      throw new DocketError('CONFIG_INVALID', `"${alone[0]}" is set, and the agent is in no mesh`, {
        next: 'Name the engine of the mesh too: --mesh nats://HOST:4222.',
      });
    return undefined;
  }
  const shown = Object.entries({ creds, nkey, 'mesh-login': login }).filter(([, file]) => file !== undefined);
  if (shown.length > 1)
    throw new DocketError(
      'CONFIG_INVALID',
      `${shown.map(([name]) => `"${name}"`).join(' and ')} are set; an agent shows who it is in one way`,
      {
        next: 'Leave all but one away.',
      },
    );
  for (const file of [creds, nkey]) if (file !== undefined) readSecret(file, unusableAt(file));
  const [ca, cert, key] = [values['mesh-tls-ca'], values['mesh-tls-cert'], values['mesh-tls-key']];
  if ((cert === undefined) !== (key === undefined))
    throw new DocketError(
      'CONFIG_INVALID',
      `there is ${cert === undefined ? 'a key and no certificate' : 'a certificate and no key'} for the mesh`,
      {
        next: 'Name both: --mesh-tls-cert FILE --mesh-tls-key FILE.',
      },
    );
  const [bytes, ages] = [values['mesh-size'], values['mesh-keep']];
  return {
    name: values['mesh-name'] ?? DEFAULT_NAME,
    servers: login === undefined ? mesh : mesh.map((server) => withLogin(server, readLogin(login))),
    credentials: creds === undefined ? (nkey === undefined ? undefined : { kind: 'nkey', file: nkey }) : { kind: 'creds', file: creds },
    tls: ca === undefined && cert === undefined ? undefined : { ca, cert, key },
    replicas: values['mesh-replicas'],
    bytes: bytes ?? {},
    ages: ages ?? {},
    listen: values['mesh-listen'],
    advertise: values['mesh-advertise'],
  };
}

function withLogin(server: string, login: string): string {
  return server.replace('://', () => `://${login}@`);
}

/** `USER:PASSWORD`, or a token, as it stands in a URL. */
function readLogin(path: string): string {
  const login = readSecret(path, unusableAt(path)).trim();
  if (!LOGIN.test(login)) throw unusableAt(path, WRITE)('it does not hold USER:PASSWORD, or a token, on one line');
  const at = login.indexOf(':');
  const parts = at < 0 ? [login] : [login.slice(0, at), login.slice(at + 1)];
  return parts.map(encodeURIComponent).join(':');
}

function unusableAt(path: string, next = READABLE): Unusable {
  return (why, cause) =>
    new DocketError('CONFIG_INVALID', `the file ${path}, which shows the mesh who this agent is, cannot be used: ${why}`, {
      ...(cause === undefined ? {} : { cause }),
      next,
    });
}
