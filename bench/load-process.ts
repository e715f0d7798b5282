import { connect } from 'node:net';

/**
 * Requests over and over, on some connections, for some seconds; prints how many were answered a second. `{n}` in the body counts. (`wrk` waits for ever
 * for the body of a reply to HEAD.) Arguments: url, method, authorization, body, connections, seconds.
 */
const [url, method, authorization, body, connections, seconds] = process.argv.slice(2) as [string, string, string, string, string, string];
const { hostname, port, host, pathname } = new URL(url);
let sent = 0;
let answered = 0;
let failed = 0;

function request(): string {
  const text = body.replace('{n}', String(sent++));
  const length = method === 'POST' ? `Content-Length: ${Buffer.byteLength(text)}\r\n` : '';
  return `${method} ${pathname} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: ${authorization}\r\n${length}\r\n${text}`;
}

/** How long the first reply in `data` is; undefined if it is not whole. */
function lengthOf(data: string): number | undefined {
  const head = data.indexOf('\r\n\r\n');
  if (head < 0) return undefined;
  const length = method === 'HEAD' ? 0 : Number(/\r\ncontent-length: (\d+)/i.exec(data.slice(0, head + 2))?.[1] ?? 0);
  return data.length >= head + 4 + length ? head + 4 + length : undefined;
}

for (let i = 0; i < Number(connections); i++) {
  const socket = connect(Number(port), hostname);
  let data = '';
  socket.setEncoding('latin1');
  socket.on('connect', () => socket.write(request()));
  socket.on('data', (chunk: string) => {
    data += chunk;
    for (let length = lengthOf(data); length !== undefined; length = lengthOf(data)) {
      if (!data.startsWith('HTTP/1.1 2')) failed++;
      answered++;
      data = data.slice(length);
      socket.write(request());
    }
  });
}
setTimeout(
  () => {
    console.log(JSON.stringify({ rate: answered / Number(seconds), failed }));
    process.exit();
  },
  Number(seconds) * 1000,
);
